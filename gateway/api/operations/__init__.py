"""Every operation of the gateway, by path and method; one file per part of the reference.

A new route is declared here too, else a test says so (tests/unit/test_api_document.py).
"""

from collections.abc import Mapping

from gateway.api.operation import Operation

Operations = Mapping[str, Mapping[str, Operation]]
