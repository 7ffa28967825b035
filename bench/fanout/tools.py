"""What the benchmark needs that Python lacks: made or fetched on first use, kept in .stopcast/bench."""

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = HERE.parents[1] / ".stopcast" / "bench"
NGINX_PACKAGES = ("nginx", "libnginx-mod-nchan")
# nchan makes its folder for bodies there, whatever the configuration says.
NGINX_STATE = Path("/var/lib/nginx")
MATPLOTLIB = "matplotlib==3.10.7"


class ToolError(Exception):
    """A tool cannot be had; the text says which and how to get it."""


@cache
def compiled(name: str) -> str:
    """The program made of `name`.c."""
    source, program = HERE / f"{name}.c", FOLDER / name
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        FOLDER.mkdir(parents=True, exist_ok=True)
        _run("gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(program), str(source))
    return str(program)


@cache
def nginx() -> tuple[str, str]:
    """nginx and its nchan module: Debian's packages, unpacked here and not installed.

    Installed, nginx would start by itself and listen on every address.
    """
    root = FOLDER / "nginx"
    program, module = root / "usr/sbin/nginx", root / "usr/lib/nginx/modules/ngx_nchan_module.so"
    if not (program.exists() and module.exists()):
        root.mkdir(parents=True, exist_ok=True)
        _run("apt-get", "-q", "download", *NGINX_PACKAGES, cwd=root)
        for package in root.glob("*.deb"):
            _run("dpkg", "-x", str(package), str(root))
    try:
        NGINX_STATE.mkdir(exist_ok=True)
    except OSError as error:
        raise ToolError(f"nchan wants a folder that only root can make: {error}") from error
    return str(program), str(module)


@cache
def plotting_python() -> str:
    """A Python with matplotlib, which nothing else here needs."""
    folder = FOLDER / "plots"
    python = folder / "bin" / "python"
    done = folder / MATPLOTLIB
    if not done.exists():
        _run(sys.executable, "-m", "venv", "--clear", str(folder))
        _run(str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", MATPLOTLIB)
        done.touch()
    return str(python)


def _run(program: str, *arguments: str, cwd: Path | None = None) -> None:
    if shutil.which(program) is None:
        raise ToolError(f"{program} is not there; on Debian: apt-get install gcc apt dpkg")
    done = subprocess.run(  # noqa: S603  # our own arguments
        [program, *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ToolError(f"{program} {' '.join(arguments)}: {done.stderr.strip()}")
