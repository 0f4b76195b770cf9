"""`monops init`: the files are written, a person's edits stay, secrets are made once."""

from __future__ import annotations

import json
from collections.abc import Iterable

import msgspec
import pytest
from tests.fakes.fake_outside import FakeMachine, FakeProgress
from tests.fakes.memory_stack_folder import MemoryStackFolder

from monops.domain.errors import ConfigurationError, UsageFault
from monops.domain.exits import Exit
from monops.domain.generated import Action
from monops.ops.initialise import KEPT, RECORD, Initialised, InitPlan, apply_init, plan_init, remembered
from monops.stack.files import shipped
from monops.stack.options import ADMIN_PASSWORD, StackOptions

PLAIN = StackOptions()
EDIT = "# mine\n"


@pytest.fixture
def folder() -> MemoryStackFolder:
    return MemoryStackFolder()


def init(
    folder: MemoryStackFolder,
    options: StackOptions = PLAIN,
    *,
    replace: Iterable[str] = (),
    stamp: str = "1",
    password: str | None = None,
    progress: FakeProgress | None = None,
) -> Initialised:
    plan = plan_init(folder, options, replace)
    return apply_init(plan, folder, FakeMachine(), progress or FakeProgress(), stamp=stamp, password=password)


def planned(folder: MemoryStackFolder, options: StackOptions = PLAIN, *, replace: Iterable[str] = ()) -> InitPlan:
    return plan_init(folder, options, replace)


def paths(plan: InitPlan, *actions: Action) -> set[str]:
    return {change.path for change in plan.of(*actions)}


def edit(folder: MemoryStackFolder, path: str) -> str:
    folder.write(path, (EDIT + folder.text(path)).encode())
    return folder.text(path)


# --- the files -------------------------------------------------------------------------------------


def test_a_fresh_folder_holds_every_file_and_matches_then(folder: MemoryStackFolder) -> None:
    done = init(folder)
    assert {file.path: file.text for file in shipped(PLAIN)}.items() <= {
        path: kept.data.decode() for path, kept in folder.files.items()
    }.items()
    assert done.plan.is_first
    assert not done.plan.needs_consent
    again = planned(folder)
    assert again.matches
    assert not again.is_first
    assert folder.folders["textfile"] == 0o755


def test_a_plan_changes_nothing(folder: MemoryStackFolder) -> None:
    plan = planned(folder)
    assert not plan.matches
    assert folder.files == {}
    assert folder.folders == {}


def test_choices_are_remembered_and_a_second_run_writes_nothing(folder: MemoryStackFolder) -> None:
    options = StackOptions(network="main", ports={"grafana": 3002}, without=("cadvisor",), retention_time="90d")
    init(folder, options)
    assert remembered(folder)[0] == options
    before = dict(folder.files)
    done = init(folder, options, stamp="2")
    assert done.plan.changing == ()
    assert folder.files == before


def test_a_changed_choice_updates_what_it_concerns_and_keeps_what_was_there(folder: MemoryStackFolder) -> None:
    init(folder)
    was = folder.text(".env")
    plan = planned(folder, StackOptions(ports={"grafana": 3002}))
    assert paths(plan, Action.UPDATE) == {".env"}
    assert plan.needs_consent
    init(folder, StackOptions(ports={"grafana": 3002}), stamp="2")
    assert "GRAFANA_PORT=3002" in folder.text(".env")
    assert folder.text(f"{KEPT}/2/.env") == was
    assert folder.files[f"{KEPT}/2/.env"].mode == 0o600


def test_a_service_left_out_takes_its_files_away_and_comes_back_with_them(folder: MemoryStackFolder) -> None:
    init(folder)
    there = dict(folder.files)
    init(folder, StackOptions(without=("grafana", "alertmanager")), stamp="2")
    assert not [path for path in folder.files if path.startswith(("grafana", "alertmanager"))]
    assert f"{KEPT}/2/alertmanager.yml" in folder.files
    assert planned(folder, StackOptions(without=("grafana", "alertmanager"))).matches
    init(folder, PLAIN, stamp="3")
    assert {path: kept for path, kept in folder.files.items() if not path.startswith(".monops/")} == {
        path: kept for path, kept in there.items() if not path.startswith(".monops/")
    }


# --- edits -----------------------------------------------------------------------------------------


def test_an_edit_stays_and_is_shown(folder: MemoryStackFolder) -> None:
    init(folder)
    mine = edit(folder, "prometheus.yml")
    plan = planned(folder)
    assert paths(plan, Action.EDITED) == {"prometheus.yml"}
    assert not plan.matches
    assert not plan.needs_consent
    init(folder, stamp="2")
    assert folder.text("prometheus.yml") == mine


def test_an_edit_stays_although_there_is_something_new_which_is_shown(folder: MemoryStackFolder) -> None:
    init(folder)
    mine = edit(folder, "prometheus.yml")
    options = StackOptions(project="other")
    (conflict,) = planned(folder, options).of(Action.CONFLICT)
    assert conflict.path == "prometheus.yml"
    assert {"-    monitor: monitoring", "+    monitor: other", "-# mine"} <= set(conflict.diff())
    init(folder, options, stamp="2")
    assert folder.text("prometheus.yml") == mine
    # Once seen it is no news.
    assert paths(planned(folder, options), Action.CONFLICT) == set()
    assert paths(planned(folder, options), Action.EDITED) == {"prometheus.yml"}


def test_a_file_that_was_there_before_monops_stays(folder: MemoryStackFolder) -> None:
    folder.write("prometheus.yml", b"scrape_configs: []\n")
    plan = planned(folder)
    assert paths(plan, Action.CONFLICT) == {"prometheus.yml"}
    assert not plan.needs_consent
    init(folder)
    assert folder.text("prometheus.yml") == "scrape_configs: []\n"


def test_the_new_one_is_taken_where_it_is_named_and_the_edit_is_kept_beside_it(folder: MemoryStackFolder) -> None:
    init(folder)
    mine = edit(folder, "prometheus.yml")
    hers = edit(folder, ".env")
    assert planned(folder, replace=["prometheus.yml"]).needs_consent
    init(folder, replace=["prometheus.yml"], stamp="2")
    assert not folder.text("prometheus.yml").startswith(EDIT)
    assert folder.text(f"{KEPT}/2/prometheus.yml") == mine
    assert folder.text(".env") == hers


def test_all_takes_every_new_file(folder: MemoryStackFolder) -> None:
    init(folder)
    edit(folder, "prometheus.yml")
    edit(folder, ".env")
    folder.remove("monops.toml")
    init(folder, replace=["all"], stamp="2")
    assert planned(folder).matches


def test_a_file_that_a_person_deleted_stays_away_until_it_is_named(folder: MemoryStackFolder) -> None:
    init(folder)
    folder.remove("monops.toml")
    assert paths(planned(folder), Action.DELETED) == {"monops.toml"}
    init(folder, StackOptions(project="other"), stamp="2")
    assert folder.read("monops.toml") is None
    init(folder, StackOptions(project="other"), replace=["monops.toml"], stamp="3")
    assert 'project = "other"' in folder.text("monops.toml")


def test_an_edited_file_of_a_service_left_out_stays_until_it_is_named(folder: MemoryStackFolder) -> None:
    init(folder)
    mine = edit(folder, "alertmanager.yml")
    options = StackOptions(without=("alertmanager",))
    init(folder, options, stamp="2")
    assert folder.text("alertmanager.yml") == mine
    assert not planned(folder, options).matches
    init(folder, options, replace=["alertmanager.yml"], stamp="3")
    assert folder.read("alertmanager.yml") is None
    assert folder.text(f"{KEPT}/3/alertmanager.yml") == mine
    assert planned(folder, options).matches


def test_an_edit_that_is_no_text_is_kept_byte_for_byte(folder: MemoryStackFolder) -> None:
    init(folder)
    folder.write("prometheus.yml", b"# caf\xe9\n")
    (edited,) = planned(folder).of(Action.EDITED)
    "\n".join(edited.diff()).encode()
    init(folder, replace=["prometheus.yml"], stamp="2")
    assert folder.read(f"{KEPT}/2/prometheus.yml") == b"# caf\xe9\n"


# --- secrets ---------------------------------------------------------------------------------------


def test_the_password_is_made_once_for_grafana_alone(folder: MemoryStackFolder) -> None:
    done = init(folder)
    assert done.secrets_made == (ADMIN_PASSWORD,)
    kept = folder.files[ADMIN_PASSWORD]
    assert (len(kept.data), kept.mode, kept.uid) == (32, 0o600, 472)
    assert {folder.folders[path] for path in ("secrets", "secrets/grafana", "secrets/alertmanager")} == {0o711}
    again = init(folder, StackOptions(project="other"), stamp="2")
    assert again.secrets_made == ()
    assert folder.files[ADMIN_PASSWORD] == kept


def test_a_password_that_was_given_is_taken_once_and_then_left_alone_with_a_warning(folder: MemoryStackFolder) -> None:
    init(folder, password="correct-horse")
    assert folder.text(ADMIN_PASSWORD) == "correct-horse"
    progress = FakeProgress()
    init(folder, password="another-horse", stamp="2", progress=progress)
    assert folder.text(ADMIN_PASSWORD) == "correct-horse"
    assert "was left alone" in progress.warned[0]
    assert "horse" not in progress.warned[0]


def test_no_secret_is_in_a_plan_a_result_or_the_record(folder: MemoryStackFolder) -> None:
    progress = FakeProgress()
    done = init(folder, password="correct-horse", progress=progress)
    shown = repr(done) + repr(planned(folder)) + folder.text(RECORD) + repr(progress)
    assert "correct-horse" not in shown


def test_somebody_who_is_not_root_keeps_the_password_until_it_is_handed_over() -> None:
    folder = MemoryStackFolder(uid=1000)
    init(folder)
    assert (folder.files[ADMIN_PASSWORD].uid, folder.files[ADMIN_PASSWORD].mode) == (1000, 0o600)


def test_secrets_that_a_receiver_needs_are_named_until_they_are_there(folder: MemoryStackFolder) -> None:
    options = StackOptions(receivers=("slack", "email", "webhook"), smtp_user="monops")
    needed = ("slack-url", "webhook-url", "smtp-password")
    assert init(folder, options).secrets_missing == tuple(f"secrets/alertmanager/{name}" for name in needed)
    folder.write("secrets/alertmanager/slack-url", b"x")
    assert init(folder, options, stamp="2").secrets_missing == tuple(
        f"secrets/alertmanager/{name}" for name in needed[1:]
    )
    left_out = msgspec.structs.replace(options, without=("alertmanager",))
    assert init(folder, left_out, stamp="3").secrets_missing == ()


def test_without_grafana_there_is_no_password(folder: MemoryStackFolder) -> None:
    assert init(folder, StackOptions(without=("grafana",))).secrets_made == ()
    assert folder.owner(ADMIN_PASSWORD) is None


# --- wrong input -----------------------------------------------------------------------------------


def test_a_file_that_the_stack_has_not_cannot_be_replaced(folder: MemoryStackFolder) -> None:
    with pytest.raises(UsageFault) as refused:
        planned(folder, replace=["promethus.yml"])
    assert "there is no file 'promethus.yml' in the stack. Did you mean 'prometheus.yml'?" in refused.value.message
    assert refused.value.exit is Exit.USAGE


def test_choices_that_make_no_stack_are_refused_before_anything_is_read(folder: MemoryStackFolder) -> None:
    with pytest.raises(UsageFault):
        planned(folder, StackOptions(without=("prometheus",)))


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"{}", b"\xff", b'{"options": {"prot": 1}, "written": {}}', b'{"options": {}, "written": 3}'],
)
def test_a_record_that_cannot_be_understood_says_where_it_is_and_what_to_do(
    folder: MemoryStackFolder, content: bytes
) -> None:
    folder.write(RECORD, content)
    with pytest.raises(ConfigurationError, match=r"monitoring/\.monops/init\.json cannot be understood") as refused:
        remembered(folder)
    assert refused.value.remedy.startswith("rm monitoring/.monops/init.json")
    assert refused.value.exit is Exit.CONFIGURATION


def test_after_losing_the_record_the_same_choices_find_every_file_as_it_is(folder: MemoryStackFolder) -> None:
    init(folder)
    folder.remove(RECORD)
    plan = planned(folder)
    assert plan.is_first
    assert plan.matches
    init(folder, stamp="2")
    assert json.loads(folder.text(RECORD))["written"].keys() == {file.path for file in shipped(PLAIN)}
