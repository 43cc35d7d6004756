"""The statements that read the catalog."""

from __future__ import annotations

DATABASE = """
SELECT d.name, d.is_cdc_enabled, d.snapshot_isolation_state, d.state_desc, d.is_read_only, d.collation_name,
       d.service_broker_guid, CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')),
       CONVERT(int, SERVERPROPERTY('EngineEdition')), CONVERT(nvarchar(128), SERVERPROPERTY('Edition')),
       @@SERVERNAME, DATEDIFF(minute, GETUTCDATE(), GETDATE())
FROM sys.databases AS d
WHERE d.name = DB_NAME()
"""
"""By name: on Azure SQL Database, DB_ID() and `sys.databases` number databases differently."""

DATABASE_GUID = "SELECT r.database_guid FROM sys.database_recovery_status AS r WHERE r.database_id = DB_ID()"

FINGERPRINT = """
SELECT i.number, i.newest, i.begins, t.number, t.changed
FROM (SELECT COUNT(*) AS number, MAX(object_id) AS newest, MAX(start_lsn) AS begins FROM cdc.change_tables) AS i
CROSS JOIN (SELECT COUNT(*) AS number, MAX(modify_date) AS changed FROM sys.tables WHERE is_tracked_by_cdc = 1) AS t
"""

INSTANCES = """
SELECT ct.source_object_id, ct.capture_instance, ct.object_id, ct.start_lsn, ct.role_name, ct.supports_net_changes,
       ct.create_date, o.name
FROM cdc.change_tables AS ct
LEFT JOIN sys.tables AS o ON o.object_id = ct.object_id
"""

HIDDEN_INSTANCES = """
SELECT ct.capture_instance
FROM cdc.change_tables AS ct
LEFT JOIN sys.tables AS t ON t.object_id = ct.source_object_id
WHERE t.object_id IS NULL
ORDER BY ct.capture_instance
"""

CAPTURED_COLUMNS = """
SELECT cc.object_id, cc.column_name, cc.is_computed, cc.column_type
FROM cdc.captured_columns AS cc
ORDER BY cc.object_id, cc.column_ordinal
"""
"""Joined with their types by name on this side: in a contained database the collations of both names differ (468)."""

# Alias types are resolved: the row of a base type has the same system_type_id and user_type_id; the types of the CLR
# (hierarchyid, geography, geometry) have no such row and keep their own name.
CHANGE_TABLES_COLUMNS = """
SELECT c.object_id, c.name, COALESCE(b.name, u.name), c.max_length, c.[precision], c.scale, c.is_nullable,
       c.is_computed, c.collation_name
FROM sys.columns AS c
JOIN cdc.change_tables AS ct ON ct.object_id = c.object_id
JOIN sys.types AS u ON u.user_type_id = c.user_type_id
LEFT JOIN sys.types AS b ON b.user_type_id = c.system_type_id
ORDER BY c.object_id, c.column_id
"""

CAPTURED_TABLES = """
SELECT s.name, t.name, t.object_id
FROM sys.tables AS t
JOIN sys.schemas AS s ON s.schema_id = t.schema_id
WHERE t.is_tracked_by_cdc = 1
ORDER BY s.name, t.name
"""

CAPTURED_TABLES_COLUMNS = """
SELECT c.object_id, c.name, COALESCE(b.name, u.name), c.max_length, c.[precision], c.scale, c.is_nullable,
       c.is_computed, c.collation_name
FROM sys.columns AS c
JOIN sys.tables AS t ON t.object_id = c.object_id
JOIN sys.types AS u ON u.user_type_id = c.user_type_id
LEFT JOIN sys.types AS b ON b.user_type_id = c.system_type_id
WHERE t.is_tracked_by_cdc = 1
ORDER BY c.object_id, c.column_id
"""

CAPTURED_TABLES_KEYS = """
SELECT i.object_id, c.name
FROM sys.indexes AS i
JOIN sys.tables AS t ON t.object_id = i.object_id
JOIN sys.index_columns AS ic ON ic.object_id = i.object_id AND ic.index_id = i.index_id
JOIN sys.columns AS c ON c.object_id = ic.object_id AND c.column_id = ic.column_id
WHERE t.is_tracked_by_cdc = 1 AND i.is_primary_key = 1
ORDER BY i.object_id, ic.key_ordinal
"""

ALL_TABLES = """
SELECT s.name, t.name, t.object_id
FROM sys.tables AS t
JOIN sys.schemas AS s ON s.schema_id = t.schema_id
WHERE t.is_ms_shipped = 0 AND s.name <> N'cdc'
ORDER BY s.name, t.name
"""

ALL_TABLES_COLUMNS = """
SELECT c.object_id, c.name, COALESCE(b.name, u.name), c.max_length, c.[precision], c.scale, c.is_nullable,
       c.is_computed, c.collation_name
FROM sys.columns AS c
JOIN sys.tables AS t ON t.object_id = c.object_id
JOIN sys.types AS u ON u.user_type_id = c.user_type_id
LEFT JOIN sys.types AS b ON b.user_type_id = c.system_type_id
WHERE t.is_ms_shipped = 0
ORDER BY c.object_id, c.column_id
"""

ALL_TABLES_KEYS = """
SELECT i.object_id, c.name
FROM sys.indexes AS i
JOIN sys.tables AS t ON t.object_id = i.object_id
JOIN sys.index_columns AS ic ON ic.object_id = i.object_id AND ic.index_id = i.index_id
JOIN sys.columns AS c ON c.object_id = ic.object_id AND c.column_id = ic.column_id
WHERE t.is_ms_shipped = 0 AND i.is_primary_key = 1
ORDER BY i.object_id, ic.key_ordinal
"""

ROW_COUNTS = """
SELECT p.object_id, SUM(p.rows)
FROM sys.partitions AS p
JOIN sys.tables AS t ON t.object_id = p.object_id
WHERE p.index_id < 2 AND t.is_ms_shipped = 0
GROUP BY p.object_id
"""

MAX_LSN = "SELECT sys.fn_cdc_get_max_lsn()"
"""NULL: the capture job has never run."""

JOBS = "EXEC sys.sp_cdc_help_jobs"
"""Columns: job_id, job_type, job_name, maxtrans, maxscans, continuous, pollinginterval, retention (minutes), threshold."""

NEWEST_ENTRY = "SELECT MAX(m.tran_end_time), GETDATE() FROM cdc.lsn_time_mapping AS m"

VIEW_STATE = "SELECT HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'VIEW DATABASE STATE'), USER_NAME()"

MAY_CREATE = (
    "SELECT HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'CREATE TABLE'), IS_ROLEMEMBER(N'db_owner'), USER_NAME()"
)

MAY_ALTER_SCHEMA = "SELECT HAS_PERMS_BY_NAME(%s, N'SCHEMA', N'ALTER')"
"""Parameter: the schema's name in brackets."""

MAY_USE_OBJECT = (
    "SELECT OBJECT_ID(%s, N'U'), HAS_PERMS_BY_NAME(%s, N'OBJECT', N'SELECT'), HAS_PERMS_BY_NAME(%s, N'OBJECT', N'INSERT'), "
    "HAS_PERMS_BY_NAME(%s, N'OBJECT', N'UPDATE')"
)
"""Parameters: the table's qualified name, four times."""

IN_ROLE = "SELECT IS_ROLEMEMBER(%s), IS_ROLEMEMBER(N'db_owner')"
"""Parameter: a role's name. NULL: there is no such role."""

CHANGE_TABLE_RIGHTS = """
SELECT ct.source_object_id, MIN(HAS_PERMS_BY_NAME(N'[cdc].' + QUOTENAME(o.name), N'OBJECT', N'SELECT'))
FROM cdc.change_tables AS ct
JOIN sys.tables AS o ON o.object_id = ct.object_id
GROUP BY ct.source_object_id
"""
"""By table: 1 if all its change tables may be read as a whole."""

TABLE_RIGHTS = """
SELECT t.object_id, HAS_PERMS_BY_NAME(QUOTENAME(s.name) + N'.' + QUOTENAME(t.name), N'OBJECT', N'SELECT')
FROM sys.tables AS t
JOIN sys.schemas AS s ON s.schema_id = t.schema_id
WHERE t.is_tracked_by_cdc = 1
"""
"""By captured table: 1 if it may be read as a whole."""

AGENT = "SELECT d.status_desc FROM sys.dm_server_services AS d WHERE d.servicename LIKE N'SQL Server Agent%'"
"""Needs VIEW SERVER STATE."""
