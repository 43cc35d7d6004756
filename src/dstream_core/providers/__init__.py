"""Which providers there are and how each is started: installed plugins, executables by path, manifests.

Nothing here starts a process except `describe`, which only an explicit user action reaches.
"""
