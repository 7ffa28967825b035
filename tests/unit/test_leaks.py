"""The search for tokens finds them: in what a test logs, and in log files."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

TESTS = Path(__file__).parents[1]
HEAD = "eyJhbGciOiJIUzI1NiJ9"
BODY = "eyJzdWIiOiJ4In0"


@pytest.mark.parametrize(
    ("body", "failed", "errors"),
    [
        ('structlog.get_logger().info("request", token=TOKEN)', 1, 0),
        ('logging.getLogger("x").warning(TOKEN)', 1, 0),
        ('print(secret("opaque-4711"))', 1, 0),
        ('(tmp_path / "gateway.log").write_text(f"GET /?access_token={TOKEN}")', 0, 1),
        ('print(f"scr_{64 * chr(97)}")', 1, 0),
        ('print(f"-----BEGIN{chr(32)}PRIVATE KEY-----")', 1, 0),
        ('print("nothing to hide")', 0, 0),
    ],
)
def test_a_test_that_logs_a_token_fails(
    pytester: pytest.Pytester, body: str, failed: int, errors: int
) -> None:
    pytester.makeconftest((TESTS / "conftest.py").read_text())
    pytester.makepyfile(
        f"""
        import logging, structlog
        from tests.leaks import secret

        TOKEN = "{HEAD}" + "." + "{BODY}" + ".c2VjcmV0"

        def test(tmp_path):
            {body}
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--show-capture=no")
    for log in pytester.path.rglob("*.log"):
        log.unlink()  # else it is found at the end of this run, too
    result.assert_outcomes(passed=1 - failed, failed=failed, errors=errors)
