"""One thin file per command. Each imports its part of the engine only when it runs, so that `--help` stays quick."""
