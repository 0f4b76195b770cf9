"""Linting: gather the files and what the server knows, then decide."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date

from monops.domain.errors import MonopsError, NotFound, ServiceUnreachable, UsageFault
from monops.domain.finding import Severity
from monops.domain.lint import dashboards, rules
from monops.domain.lint.dashboard_file import Dashboard, Panel, Query
from monops.domain.lint.passing import let_pass
from monops.domain.lint.problem import RULES, Problem, matching
from monops.domain.lint.promql import Expression, NotPromql, Selector, has_variables, parsed, with_variables
from monops.domain.lint.recognise import Recognised, recognised
from monops.domain.lint.rules_file import Rule, RuleFile
from monops.domain.lint.series import Verdict, fixed, ladder, told, worth_asking
from monops.domain.lint.server import Intervals, Question, Reply, Server, intervals_of
from monops.domain.nearest import did_you_mean
from monops.domain.ports.linting import LintServer, LintTools, SourceFile
from monops.ops.lint_configs import Checked, check_configs

#: Questions at once.
_AT_ONCE = 8
_SERIES = ("series/dead", "dashboard/dead-panel")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What is looked at, and with what."""

    files: tuple[SourceFile, ...]
    #: Whether these are the stack's own, as its containers have them.
    is_own: bool
    today: date
    #: None where no server may be asked.
    server: Callable[[], LintServer] | None
    tools: LintTools | None


@dataclass(slots=True, kw_only=True)
class Linted:
    """What was found."""

    problems: list[Problem] = field(default_factory=list)
    #: Lint rule -> why nothing can be told by it.
    unanswered: dict[str, str] = field(default_factory=dict)
    #: Lint rule -> why it was left out.
    skipped: dict[str, str] = field(default_factory=dict)
    files: Recognised = field(default_factory=Recognised)
    server: Server | None = None
    selectors: int = 0
    #: How many problems comments let pass.
    passed: int = 0


def chosen_rules(only: Sequence[str], skip: Sequence[str]) -> frozenset[str]:
    """Ids. Raises UsageFault for one that is none."""

    def meant(flag: str, words: Sequence[str]) -> set[str]:
        found: set[str] = set()
        for word in words:
            ids = matching(word)
            if not ids:
                raise UsageFault(
                    f"{flag} {word}: there is no such lint rule.{did_you_mean(word, RULES)}",
                    remedy="monops lint --list",
                )
            found |= set(ids)
        return found

    return frozenset((meant("--only", only) if only else set(RULES)) - meant("--skip", skip))


def lint(bench: Bench, chosen: frozenset[str]) -> Linted:
    """Everything that is wrong in the files. Raises NotFound where there is nothing to look at."""
    files = recognised([(one.path, one.text, one.is_named) for one in bench.files])
    if not files.count and not files.problems:
        named = f": {files.others[0]} is none" if files.others else ""
        raise NotFound(
            f"there is no rule file, dashboard, prometheus.yml or alertmanager.yml to look at{named}",
            remedy="monops lint rules/ dashboards/",
        )
    run = Linted(files=files, problems=list(files.problems))
    run.skipped = {name: "not asked for" for name in RULES if name not in chosen}
    with ThreadPoolExecutor(_AT_ONCE + 4) as pool:
        wants_tools = any(name in chosen for name in ("rules/rejected", "config/prometheus", "config/alertmanager"))
        tools = bench.tools if wants_tools else None
        checking = pool.submit(check_configs, tools, bench.files, files, is_own=bench.is_own)
        _Linter(bench, run, chosen).everything()
        checked = checking.result()
    _take_in(run, checked)
    if bench.server is None:
        run.skipped |= {name: "--offline asks no server" for name in RULES if RULES[name].asks and name in chosen}
    _let_pass(run, bench.today, chosen)
    return run


def _take_in(run: Linted, checked: Checked) -> None:
    """What promtool says of an expression has been said already."""
    told_lines = {(one.file, one.line) for one in run.problems if one.id in ("promql/syntax", "file/syntax")}
    files = {one.file for one in run.problems if one.id in ("promql/syntax", "file/syntax")}
    for one in checked.problems:
        near = any((one.file, one.line + shift) in told_lines for shift in range(-3, 4))
        if not near and not (one.file in files and one.line == 1):
            run.problems.append(one)
    run.unanswered |= {name: why for name, why in checked.unanswered.items() if name not in run.skipped}


def _let_pass(run: Linted, today: date, chosen: frozenset[str]) -> None:
    """Leave out what was not asked for, and what comments let pass."""
    wanted = [one for one in run.problems if one.id in chosen]
    kept, run.passed = let_pass(wanted, run.files, today)
    kept = [one for one in kept if one.id in chosen]
    run.problems = sorted(dict.fromkeys(kept), key=lambda one: (-one.severity.rank, one.file, one.line, one.id))


class _Linter:
    """One run."""

    def __init__(self, bench: Bench, run: Linted, chosen: frozenset[str]) -> None:
        self._bench = bench
        self._run = run
        self._chosen = chosen
        self._ask: LintServer | None = None
        self._gone: ServiceUnreachable | None = None
        self._expressions: list[tuple[RuleFile, Rule, Expression]] = []
        self._queries: list[tuple[Dashboard, Panel, Query, Expression]] = []

    def everything(self) -> None:
        self._find_server()
        files, found = self._run.files, self._run.problems
        intervals = self._intervals()
        found += rules.duplicates(files.rules)
        for file in files.rules:
            for group in file.groups:
                for rule in group.rules:
                    found += [*rules.unexplained(file, rule), *rules.value_in_label(file, rule)]
                    found += rules.hold(file, group, rule, intervals)
                    self._read(file, rule, intervals)
        for dashboard in files.dashboards:
            found += dashboards.data_sources(dashboard, files.data_sources)
            self._read_queries(dashboard)
        if self._ask is not None and self._run.server is not None and any(name in self._chosen for name in _SERIES):
            self._dead(self._ask, self._run.server)

    def _find_server(self) -> None:
        if self._bench.server is None:
            return
        try:
            self._ask = self._bench.server()
            self._run.server = self._ask.about()
        except MonopsError as error:
            self._unknown(error.message, (*_SERIES, "rules/range-beyond-retention"))

    def _unknown(self, reason: str, names: Sequence[str] = _SERIES) -> None:
        """Nothing can be told by these, as far as there are files for them."""
        there = {"dashboard": bool(self._run.files.dashboards)}
        for name in names:
            if name in self._chosen and there.get(name.partition("/")[0], bool(self._run.files.rules)):
                self._run.unanswered[name] = reason

    def _intervals(self) -> Intervals:
        """Of the configuration among the files; else of the server's."""
        if self._run.files.prometheus:
            return intervals_of(next(iter(self._run.files.prometheus.values())))
        return self._run.server.intervals if self._run.server else Intervals()

    def _read(self, file: RuleFile, rule: Rule, intervals: Intervals) -> None:
        try:
            expression = parsed(rule.expr.value)
        except NotPromql as error:
            said = self._refused(rule.expr.value, str(error))
            if said:
                shown = rules.at(file, rule.expr.line, rule.expr.value.strip())
                fix = "Correct the expression; Prometheus refuses the whole file with it."
                message = f"The expression is no PromQL: {said}."
                self._run.problems.append(
                    rules.problem("promql/syntax", Severity.ERROR, file, rule, message, fix, shown)
                )
            return
        retention = self._run.server.retention if self._run.server else None
        self._run.problems += rules.firing(file, rule, expression)
        self._run.problems += rules.ranges(file, rule, expression, intervals, retention)
        self._expressions.append((file, rule, expression))

    def _read_queries(self, dashboard: Dashboard) -> None:
        for panel in dashboard.panels:
            for query in panel.queries:
                if not _is_promql(panel, query):
                    continue
                try:
                    expression = with_variables(query.expr)
                except NotPromql as error:
                    said = str(error) if has_variables(query.expr) else self._refused(query.expr, str(error))
                    if not said:
                        continue
                    self._run.problems.append(
                        Problem(
                            id="promql/syntax",
                            severity=Severity.ERROR,
                            file=dashboard.path,
                            line=query.line,
                            subject=f"panel {panel.title} of {dashboard.title}",
                            message=f"The query is no PromQL: {said}.",
                            fix="Correct the query; the panel shows an error.",
                        )
                    )
                    continue
                if expression is not None:
                    self._queries.append((dashboard, panel, query, expression))

    def _refused(self, text: str, said: str) -> str:
        """Why an expression is refused; "" where a server that knows more of PromQL takes it."""
        if self._ask is None or self._run.server is None or not text.strip():
            return said
        try:
            self._answer(self._ask, Question(text), self._run.server)
        except UsageFault as error:
            return error.message
        except MonopsError:
            return said
        return ""

    def _answer(self, ask: LintServer, question: Question, server: Server) -> Reply:
        """Of a server that answers no more nothing is asked: each question would wait as long again."""
        if self._gone is not None:
            raise self._gone
        try:
            return ask.answer(question, server)
        except ServiceUnreachable as error:
            self._gone = error
            raise

    # --- selectors that match nothing

    def _dead(self, ask: LintServer, server: Server) -> None:
        distrust = server.distrusted()
        if distrust:
            self._unknown(distrust)
            return
        recorded = server.recorded | {
            rule.name for file in self._run.files.rules for rule in file.rules if rule.kind == "record"
        }
        wanted: dict[Selector, None] = {}
        for expression in [one[2] for one in self._expressions] + [one[3] for one in self._queries]:
            for selector in expression.selectors:
                if worth_asking(selector, recorded):
                    wanted[_alike(selector)] = None
        self._run.selectors = len(wanted)
        verdicts = self._verdicts(ask, server, tuple(wanted))
        for file, rule, expression in self._expressions:
            for selector, said in self._sick(expression, recorded, verdicts, server):
                shown = rules.selector_at(file, rule.expr, selector)
                severity, message, fix = said
                self._run.problems.append(rules.problem("series/dead", severity, file, rule, message, fix, shown))
        for dashboard, panel, query, expression in self._queries:
            for selector, said in self._sick(expression, recorded, verdicts, server):
                self._run.problems.append(dashboards.dead(dashboard, panel, query, selector, said))

    def _sick(
        self,
        expression: Expression,
        recorded: Iterable[str],
        verdicts: Mapping[Selector, Verdict],
        server: Server,
    ) -> list[tuple[Selector, tuple[Severity, str, str]]]:
        names = frozenset(recorded)
        found, seen = [], set()
        for selector in expression.selectors:
            key = _alike(selector)
            verdict = verdicts.get(key)
            is_asked = worth_asking(selector, names) and verdict is not None and verdict.cause != "alive"
            if is_asked and verdict is not None and key.text not in seen:
                seen.add(key.text)
                found.append((selector, told(key, verdict, server)))
        return found

    def _verdicts(self, ask: LintServer, server: Server, wanted: Sequence[Selector]) -> dict[Selector, Verdict]:
        def climb(selector: Selector) -> Verdict:
            steps = ladder(selector, server)
            question = next(steps)
            while True:
                try:
                    question = steps.send(self._answer(ask, question, server))
                except StopIteration as end:
                    found: Verdict = end.value
                    return found

        found: dict[Selector, Verdict] = {}
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            climbing = [(selector, pool.submit(climb, selector)) for selector in wanted]
            for selector, future in climbing:
                try:
                    found[selector] = future.result()
                except MonopsError as error:
                    self._unknown(error.message)
        return found


def _is_promql(panel: Panel, query: Query) -> bool:
    """Whether a query goes to a Prometheus, as far as the dashboard tells."""
    source, kind = (query.source, query.kind) if query.source or query.kind else (panel.source, panel.kind)
    # The clouds have types of their own, as grafana-amazonprometheus-datasource; "datasource" is Grafana's mix of all.
    if kind is not None and kind != "datasource" and "prometheus" not in kind:
        return False
    return source not in ("-- Grafana --", "-- Dashboard --", "grafana")


def _alike(selector: Selector) -> Selector:
    """The same for all selectors of which the same is asked."""
    return replace(fixed(selector), place=0, window=None)
