"""DStream: Terraform for data streaming."""
