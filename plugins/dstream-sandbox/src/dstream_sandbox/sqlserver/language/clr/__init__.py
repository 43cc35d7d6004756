"""The types that SQL Server implements in the CLR: hierarchyid, geography, geometry."""
