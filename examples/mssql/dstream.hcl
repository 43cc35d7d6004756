# Changes of a SQL Server database into one JSON Lines file per table.
task "orders" {
  input {
    provider = "mssql-cdc"
    config {
      server                   = "127.0.0.1,1433"
      database                 = "Shop"
      user                     = "sa"
      password                 = env("MSSQL_SA_PASSWORD")
      trust_server_certificate = true
      tables                   = ["Orders"]
    }
  }
  output {
    provider = "file"
    config {
      path     = "out/{table}.jsonl"
      envelope = true
    }
  }
}
