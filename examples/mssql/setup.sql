IF DB_ID(N'Shop') IS NULL CREATE DATABASE Shop;
GO
ALTER DATABASE Shop SET ALLOW_SNAPSHOT_ISOLATION ON;
GO
USE Shop;
GO
EXEC sys.sp_cdc_enable_db;
GO
CREATE TABLE dbo.Orders (Id int PRIMARY KEY, Customer nvarchar(50) NOT NULL, Total decimal(9, 2) NOT NULL);
GO
EXEC sys.sp_cdc_enable_table @source_schema = N'dbo', @source_name = N'Orders', @role_name = NULL;
GO
INSERT dbo.Orders (Id, Customer, Total) VALUES (1, N'Ada', 12.50), (2, N'Grace', 7);
GO
