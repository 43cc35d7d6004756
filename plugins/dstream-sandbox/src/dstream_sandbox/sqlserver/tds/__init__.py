"""The wire: TDS 7.2 to 7.4 as SQL Server speaks it (MS-TDS), for any client."""
