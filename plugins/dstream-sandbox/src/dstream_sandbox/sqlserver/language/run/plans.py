"""Plans kept by statement, as long as the relations that they were made for stay what they are."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.language.compile.scope import Environment
from dstream_sandbox.sqlserver.language.run.state import Scope

_MOST = 1000


class CachedPlan:
    """A plan with what it depends on."""

    __slots__ = ("environment", "node", "plan")

    def __init__(self, node: Any, environment: Environment, plan: Any) -> None:
        self.node = node  # keeps the node alive: its id is the key
        self.environment = environment
        self.plan = plan

    def valid(self, session: Any, scope: Scope) -> bool:
        """Whether relations and variables are what they were."""
        for name, type_ in self.environment.seen.items():
            if name in scope.tables:
                if scope.tables[name].columns != type_:
                    return False
            elif scope.types.get(name) != type_:
                return False
        if any(find(session) is not function for find, function in self.environment.functions):
            return False
        for dependency in self.environment.dependencies:
            try:
                found = session.resolve(dependency.database, dependency.schema, dependency.name)
            except SqlError:
                return False
            if found is not dependency.relation or tuple(found.columns) != dependency.columns:
                return False
        return True


class PlanCache:
    """The plans used last, of all sessions."""

    def __init__(self) -> None:
        self._plans: OrderedDict[tuple[int, str], CachedPlan] = OrderedDict()
        self._lock = threading.Lock()

    def plan(
        self, node: Any, session: Any, scope: Scope, make: Callable[[Environment], Any], keep: bool = True
    ) -> CachedPlan:
        """The plan of a statement: the kept one if it still fits, else a new one.

        Args:
            node: The statement; it is known by its identity.
            session: Who runs it.
            scope: The variables in sight.
            make: Compiles it.
            keep: Whether the same statement may come again.
        """
        key = (id(node), session.database.name)
        with self._lock:
            found = self._plans.get(key)
        if found is not None and found.valid(session, scope):
            found.environment.session = session
            return found
        environment = Environment(session, dict(scope.types), dict(scope.tables))
        made = CachedPlan(node, environment, make(environment))
        if not keep:
            return made
        with self._lock:
            self._plans[key] = made
            self._plans.move_to_end(key)
            while len(self._plans) > _MOST:
                self._plans.popitem(last=False)
        return made


PLANS = PlanCache()
