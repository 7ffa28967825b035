import os
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.local.data_folder import DataFolderError, data_folder


def test_folder_is_made_and_free_again_afterwards(tmp_path: Path) -> None:
    for _ in range(2):
        with data_folder(tmp_path / "a/b") as folder:
            assert folder.is_dir()


def test_folder_of_another_process_is_refused_and_the_process_named(tmp_path: Path) -> None:
    with data_folder(tmp_path):
        code = "import sys, pathlib, schemas.local.data_folder as d\nwith d.data_folder(pathlib.Path(sys.argv[1])): pass"
        command = [sys.executable, "-c", code, str(tmp_path)]
        other = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603  # our own code
    assert f"in use by another `stopcast up` (pid {os.getpid()})" in other.stderr


def test_path_with_spaces_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(DataFolderError, match="--data-dir"), data_folder(tmp_path / "my data"):
        pass


def test_path_that_is_no_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataFolderError, match="file"), data_folder(tmp_path / "file"):
        pass
