"""Which of the host's files are read, wherever monops was started."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from monops.edges.docker_reader import DockerReader
from monops.edges.inspect_files import ConfigFiles
from monops.edges.inspect_members import Members


class Host:
    """An engine on this machine."""

    shares_host = True


class Labelled:
    """A project without a Prometheus, whose containers name their Compose files."""

    def __init__(self, *files: str) -> None:
        self._files = files

    def containers(self) -> tuple[()]:
        return ()

    def of(self, service: str, containers: tuple[()]) -> None:
        return None

    def labelled(self) -> tuple[tuple[str, ...], str, tuple[str, ...]]:
        return self._files, "", ()


def on_host(*files: str, own: str | None = None) -> dict[str, str]:
    members = cast(Members, Labelled(*files))
    return ConfigFiles(cast(DockerReader, Host()), members, compose_file=own).on_host()


def test_the_compose_files_that_the_labels_name_are_read_from_any_folder(tmp_path: Path) -> None:
    first, second = tmp_path / "a.yml", tmp_path / "b.yml"
    first.write_text("services: {}\n")
    second.write_text("services: {b: {}}\n")
    assert on_host(str(first), str(second)) == {str(first): "services: {}\n", str(second): "services: {b: {}}\n"}


def test_a_file_that_has_two_paths_is_read_once_by_that_of_its_label(tmp_path: Path) -> None:
    real, link = tmp_path / "compose.yaml", tmp_path / "link.yaml"
    real.write_text("services: {}\n")
    link.symlink_to(real)
    assert on_host(str(link), own=str(real)) == {str(link): "services: {}\n"}


def test_a_file_that_came_from_standard_input_is_not_looked_for() -> None:
    assert on_host("-", own="/no/such/folder/compose.yaml") == {}
