"""What load balancers and monitors ask."""

from gateway.api.json_schema import ref
from gateway.api.operation import Answer, Operation
from gateway.api.operations import Operations

TAG = "Health"

OPERATIONS: Operations = {
    "/healthz": {
        "get": Operation(
            name="getHealth",
            tag=TAG,
            summary="The process answers",
            description="Nothing else is looked at: what Redis does is no reason for a restart.",
            answers={
                200: Answer(
                    description="It does.",
                    schema=ref("Health"),
                    example={"status": "alive"},
                    headers=("Cache-Control",),
                )
            },
            limited=False,
            example="/healthz",
        )
    },
    "/readyz": {
        "get": Operation(
            name="getReadiness",
            tag=TAG,
            summary="The process can serve",
            description="Redis is reached, and the process is not about to end.",
            answers={
                200: Answer(
                    description="Traffic may come.",
                    schema=ref("Health"),
                    example={"status": "ready"},
                    headers=("Cache-Control",),
                )
            },
            problems=("draining", "live_store_unavailable"),
            limited=False,
            example="/readyz",
        )
    },
    "/v1/status": {
        "get": Operation(
            name="getStatus",
            tag=TAG,
            summary="Sums of what the gateway does",
            description="For a public page like `/status`; `/metrics` has the rest.",
            answers={
                200: Answer(
                    description="The sums.",
                    schema=ref("GatewayStatus"),
                    example={
                        "gateway": "9f86d081884c7d65",
                        "streams": 1042,
                        "stops": 310,
                        "opened": 20417,
                        "messages": 88120,
                        "deliveries": 402_331,
                    },
                    headers=("Cache-Control",),
                )
            },
            scope="feeds:read",
            example="/v1/status",
        )
    },
    "/metrics": {
        "get": Operation(
            name="getMetrics",
            tag=TAG,
            summary="Metrics for Prometheus",
            description="In the text format, or in OpenMetrics where `Accept` prefers it.",
            answers={
                200: Answer(
                    description="All metrics of this gateway, and of the feeds as it sees them.",
                    media_type="text/plain",
                    schema={"type": "string"},
                    example="stopcast_gateway_streams 1042.0\n",
                    headers=("Cache-Control",),
                )
            },
            problems=("admin_only",),
            scope="admin",
            limited=False,
            example="/metrics",
        )
    },
}
