# The demo tasks: `dstream run demo` counts to ten on the terminal.

locals {
  # Files of the demo go here; set DSTREAM_DEMO_DIR to put them elsewhere.
  folder = env("DSTREAM_DEMO_DIR", "demo")
}

task "demo" {
  description = "Ten records, counted and shown"

  input {
    provider = "counter"
    config {
      interval  = 300 # milliseconds
      max_count = 10
      resume    = false # count from 1 each time
    }
  }

  output {
    provider = "console"
    config {
      output_format = "simple"
    }
  }
}

task "to-file" {
  description = "A hundred records into a file; `dstream init to-file` makes the folder"

  input {
    provider = "counter"
    config {
      interval  = 10
      max_count = 100
    }
  }

  output {
    provider = "file"
    config {
      path = "${local.folder}/records.jsonl"
    }
  }
}

task "from-file" {
  description = "What to-file wrote, shown as a table"

  input {
    provider = "file"
    config {
      path = "${local.folder}/*.jsonl"
    }
  }

  output {
    provider = "console"
    config {
      output_format = "table"
    }
  }
}
