"""What the command line's verbs do: one module per verb, without printing and without knowing of a terminal's looks."""
