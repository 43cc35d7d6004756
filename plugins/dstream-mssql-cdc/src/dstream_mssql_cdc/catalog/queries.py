"""The statements that read the catalog."""

from __future__ import annotations

DATABASE_FACTS = (
    "d.name",
    "d.is_cdc_enabled",
    "d.snapshot_isolation_state",
    "d.state_desc",
    "d.is_read_only",
    "d.collation_name",
    "d.service_broker_guid",
    "CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion'))",
    "CONVERT(int, SERVERPROPERTY('EngineEdition'))",
    "CONVERT(nvarchar(128), SERVERPROPERTY('Edition'))",
    "@@SERVERNAME",
    "DATEDIFF(minute, GETUTCDATE(), GETDATE())",
    # The database of a readable secondary is not read-only by itself.
    "CONVERT(nvarchar(128), DATABASEPROPERTYEX(DB_NAME(), 'Updateability'))",
)
"""What is asked of the session's database; see `database_facts`."""


def database_facts(*facts: str) -> str:
    """The statement that asks for some of `DATABASE_FACTS`.

    By name: on Azure SQL Database, DB_ID() and `sys.databases` number databases differently.
    """
    return f"SELECT {', '.join(facts)} FROM sys.databases AS d WHERE d.name = DB_NAME()"  # noqa: S608  facts of ours


DATABASE = database_facts(*DATABASE_FACTS)
"""All of them at once."""

DATABASE_NAME = "SELECT DB_NAME()"

ANY_INSTANCE = "SELECT COUNT(*) FROM cdc.change_tables"
"""Can be run only where change data capture is on."""

DATABASE_GUID = "SELECT r.database_guid FROM sys.database_recovery_status AS r WHERE r.database_id = DB_ID()"

INSTANCES = """
SELECT ct.source_object_id, ct.capture_instance, ct.object_id, ct.start_lsn, ct.role_name, ct.supports_net_changes,
       ct.create_date, o.name
FROM cdc.change_tables AS ct
LEFT JOIN sys.tables AS o ON o.object_id = ct.object_id
"""

PLAIN_INSTANCES = """
SELECT ct.source_object_id, ct.capture_instance, ct.object_id, ct.start_lsn, NULL, NULL, NULL, NULL
FROM cdc.change_tables AS ct
ORDER BY ct.object_id
"""
"""With the columns alone that nothing can be read without."""

LOW_ENDPOINT = "SELECT sys.fn_cdc_get_min_lsn(%s)"
"""Parameter: a capture instance. Zero: there is none, or it is not known yet."""

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

PLAIN_CAPTURED_COLUMNS = """
SELECT cc.object_id, cc.column_name, 0, NULL
FROM cdc.captured_columns AS cc
ORDER BY cc.object_id, cc.column_ordinal
"""

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

_CAPTURED = "t.is_tracked_by_cdc = 1"
_OF_USERS = "t.is_ms_shipped = 0"

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

ALL_TABLES_COLUMNS = CAPTURED_TABLES_COLUMNS.replace(_CAPTURED, _OF_USERS)

ALL_TABLES_KEYS = CAPTURED_TABLES_KEYS.replace(_CAPTURED, _OF_USERS)

PLAIN_TABLES = """
SELECT s.name, t.name, t.object_id
FROM sys.tables AS t
JOIN sys.schemas AS s ON s.schema_id = t.schema_id
ORDER BY s.name, t.name
"""
"""All tables, those of the system too: for a server whose `sys.tables` has little else to say."""

PLAIN_COLUMNS = """
SELECT c.object_id, c.name, u.name, c.max_length, c.[precision], c.scale, c.is_nullable, 0, NULL
FROM sys.columns AS c
JOIN sys.types AS u ON u.user_type_id = c.user_type_id
ORDER BY c.object_id, c.column_id
"""
"""Of all tables; alias types stay what they are called."""

SCHEMA_COLUMNS = """
SELECT t.object_id, c.COLUMN_NAME, c.DATA_TYPE,
       CASE WHEN c.DATA_TYPE IN ('nchar', 'nvarchar') AND c.CHARACTER_MAXIMUM_LENGTH > 0
            THEN 2 * c.CHARACTER_MAXIMUM_LENGTH ELSE c.CHARACTER_MAXIMUM_LENGTH END,
       c.NUMERIC_PRECISION, COALESCE(c.NUMERIC_SCALE, c.DATETIME_PRECISION),
       CASE WHEN c.IS_NULLABLE = 'NO' THEN 0 ELSE 1 END, 0, NULL
FROM INFORMATION_SCHEMA.COLUMNS AS c
JOIN sys.schemas AS s ON s.name = c.TABLE_SCHEMA
JOIN sys.tables AS t ON t.schema_id = s.schema_id AND t.name = c.TABLE_NAME
ORDER BY t.object_id, c.ORDINAL_POSITION
"""

PLAIN_KEYS = """
SELECT i.object_id, c.name
FROM sys.indexes AS i
JOIN sys.index_columns AS ic ON ic.object_id = i.object_id AND ic.index_id = i.index_id
JOIN sys.columns AS c ON c.object_id = ic.object_id AND c.column_id = ic.column_id
WHERE i.is_primary_key = 1
ORDER BY i.object_id, ic.key_ordinal
"""

SCHEMA_KEYS = """
SELECT t.object_id, k.COLUMN_NAME
FROM INFORMATION_SCHEMA.TABLE_CONSTRAINTS AS p
JOIN INFORMATION_SCHEMA.KEY_COLUMN_USAGE AS k
  ON k.CONSTRAINT_NAME = p.CONSTRAINT_NAME AND k.TABLE_SCHEMA = p.TABLE_SCHEMA AND k.TABLE_NAME = p.TABLE_NAME
JOIN sys.schemas AS s ON s.name = p.TABLE_SCHEMA
JOIN sys.tables AS t ON t.schema_id = s.schema_id AND t.name = p.TABLE_NAME
WHERE p.CONSTRAINT_TYPE = 'PRIMARY KEY'
ORDER BY t.object_id, k.ORDINAL_POSITION
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

MAY_CREATE = "SELECT HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'CREATE TABLE')"

MAY_USE_SCHEMA = (
    "SELECT HAS_PERMS_BY_NAME(%s, N'SCHEMA', N'SELECT'), HAS_PERMS_BY_NAME(%s, N'SCHEMA', N'INSERT'), "
    "HAS_PERMS_BY_NAME(%s, N'SCHEMA', N'UPDATE'), HAS_PERMS_BY_NAME(%s, N'SCHEMA', N'DELETE'), "
    "HAS_PERMS_BY_NAME(%s, N'SCHEMA', N'ALTER')"
)
"""Parameters: the schema's name in brackets, five times. NULL: there is no such schema."""

MAY_USE_OBJECT = (
    "SELECT HAS_PERMS_BY_NAME(%s, N'OBJECT', N'SELECT'), HAS_PERMS_BY_NAME(%s, N'OBJECT', N'INSERT'), "
    "HAS_PERMS_BY_NAME(%s, N'OBJECT', N'UPDATE'), HAS_PERMS_BY_NAME(%s, N'OBJECT', N'DELETE'), "
    "HAS_PERMS_BY_NAME(%s, N'OBJECT', N'ALTER')"
)
"""Parameters: the table's qualified name, five times."""

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
