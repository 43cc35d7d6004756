# Files in, files out: one stream per task.

locals {
  size = "10MB"
}

# CSV files, compressed ones too, into one JSON Lines file a table. Numbers become numbers.
task "tables" {
  input {
    provider = "file"
    config {
      path        = ["in/*.csv", "in/*.csv.gz"]
      infer_types = true
    }
  }
  output {
    provider = "file"
    config {
      path        = "out/{table}.jsonl"
      rotate_size = local.size
    }
  }
}

# A log that grows and is rotated; stop it with Ctrl-C, start it again, nothing is missing.
task "collect" {
  input {
    provider = "file"
    config {
      path   = "in/app.log"
      follow = true
    }
  }
  output {
    provider = "file"
    config {
      path     = "out/collected.jsonl"
      envelope = true
    }
  }
}

# What "tables" wrote, as CSV again. Rows that do not fit the columns become dead letters.
task "back" {
  input {
    provider = "file"
    config {
      path = "out/orders.jsonl*"
    }
  }
  output {
    provider = "file"
    config {
      path    = "out/orders.csv"
      columns = ["id", "customer", "total"]
    }
  }
}
