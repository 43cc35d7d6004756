"""The plugin under test: a provider with both roles whose option `mode` says how it behaves, and one per oddity."""

from dstream_core.api import ProviderInfo, RoleInfo, executable, hookimpl

main = executable("probe", "input")

VERBS = ("run", "init", "plan", "status", "destroy", "check")


@hookimpl
def dstream_provider():
    probe_input = RoleInfo("shimtest_inputs:Probe", "shimtest_options:Options", ("run", "discover", "check"))
    probe_output = RoleInfo("shimtest_outputs:Probe", "shimtest_options:Options", VERBS)
    return [
        ProviderInfo("probe", "Does as it is told", input=probe_input, output=probe_output),
        ProviderInfo("source", "An input only", input=RoleInfo("shimtest_inputs:Probe", "shimtest_options:Options")),
        ProviderInfo("free", "Takes any options", input=RoleInfo("shimtest_inputs:Free")),
        ProviderInfo("misspelt", "Has a hook that is none", input=RoleInfo("shimtest_inputs:Misspelt")),
        ProviderInfo("missing", "Has no implementation", input=RoleInfo("shimtest_inputs:Missing")),
        ProviderInfo("unlike", "Has a hook with other arguments", input=RoleInfo("shimtest_inputs:Unlike")),
        ProviderInfo(
            "unacknowledged",
            "Takes no acks",
            input=RoleInfo("shimtest_inputs:Probe", "shimtest_options:Options", capabilities=()),
        ),
    ]
