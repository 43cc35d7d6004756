# Providers are programs. These are shell scripts, named by path.

task "sum" {
  input {
    provider = "./numbers.sh"
    config {
      count = 100
    }
  }
  output {
    provider = "./sum.awk"
  }
}

task "keep" {
  input {
    provider = "counter"
    config {
      interval  = 0
      max_count = 20
    }
  }
  output {
    provider = "./keep.sh"
    config {
      path = "kept.jsonl"
    }
  }
}
