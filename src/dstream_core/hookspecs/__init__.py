"""The hooks: `discovery` is asked of every installed plugin, `lifecycle` of the one provider in a child process."""
