"""How the feeds are, and whose data they are."""

from gateway.api import examples
from gateway.api.json_schema import ref
from gateway.api.operation import Answer, Operation, parameter
from gateway.api.operations import Operations

TAG = "Feeds"

OPERATIONS: Operations = {
    "/v1/feeds": {
        "get": Operation(
            name="getFeeds",
            tag=TAG,
            summary="All feeds",
            description="Status and age of each feed, and what was wrong with it.",
            answers={
                200: Answer(
                    description="The feeds, by id.",
                    schema=ref("FeedList"),
                    example=examples.FEEDS,
                    headers=("Cache-Control",),
                )
            },
            scope="feeds:read",
            example="/v1/feeds",
        )
    },
    "/v1/feeds/{feed_id}": {
        "get": Operation(
            name="getFeed",
            tag=TAG,
            summary="One feed",
            description="Agencies and attributions are to be named where the data is shown.",
            parameters=[
                parameter("path", "feed_id", "As in stop ids.", {"type": "string"}, "demo")
            ],
            answers={
                200: Answer(
                    description="The feed.",
                    schema=ref("FeedReport"),
                    example=examples.FEED_REPORT,
                    headers=("Cache-Control",),
                )
            },
            problems=("unknown_feed", "not_found"),  # the latter for an id with a slash in it
            scope="feeds:read",
            example="/v1/feeds/demo",
        )
    },
}
