"""Fan-out in one process: topics, streams, and what goes from the ones to the others."""

import asyncio
import time
from collections.abc import Iterable, Sequence

import structlog

from gateway.counts import Counts
from gateway.door import Door
from gateway.event import Batch, Event
from gateway.expiries import Expiries
from gateway.feed_states import FeedStates
from gateway.fetcher import Fetcher
from gateway.listener import Listener
from gateway.settings import GatewaySettings
from gateway.subscriber import Subscriber, jittered
from gateway.topic import State, Topic
from gateway.wheel import Wheel
from schemas.events import GoodbyeReason
from schemas.live import LiveStore
from schemas.stored_board import Message

log = structlog.get_logger()


class Hub:
    """Moves finished frames from topics to the streams that follow them, all on one loop."""

    def __init__(self, settings: GatewaySettings, live: LiveStore, feeds: FeedStates) -> None:
        self.settings = settings
        self.write_buffer = settings.write_buffer  # looked at for every delivery
        self.feeds = feeds
        self.listener = Listener(live)
        self.fetcher = Fetcher(live)
        self.wheel = Wheel()
        self.expiries = Expiries()
        self.door = Door(settings.starts_per_turn, settings.start_timeout)
        self.counts = Counts()
        self.topics: dict[str, Topic] = {}
        self.subscribers: set[Subscriber] = set()
        # Topics that may have missed a message. While there is one, no event carries an id: a
        # client's cursor would claim a board that it does not hold.
        self.doubtful: set[Topic] = set()
        self._unflushed: list[Subscriber] = []
        self._unsent: list[tuple[int, int]] = []  # versions of this turn, and to how many streams
        self._closing: set[asyncio.Task[None]] = set()
        feeds.changed = self.feed_changed
        feeds.restarted = self.feed_restarted

    # -- topics ----------------------------------------------------------------------------------

    def hold(self, stop_ids: Iterable[str]) -> list[Topic]:
        """The topics of these stops, kept until `release`; await each one's `known`."""
        topics = [self.topics.get(stop_id) or self._follow(stop_id) for stop_id in stop_ids]
        for topic in topics:
            topic.holds += 1
            if topic.lingering is not None:
                topic.lingering.cancel()
                topic.lingering = None
        return topics

    def release(self, topics: Iterable[Topic]) -> None:
        for topic in topics:
            topic.holds -= 1
            if topic.holds == 0:
                # What does not exist is not worth waiting for: somebody may be trying ids.
                delay = 0 if topic.state is State.GONE else self.settings.linger
                loop = asyncio.get_running_loop()
                topic.lingering = loop.call_later(delay, self._unfollow, topic)

    def _follow(self, stop_id: str) -> Topic:
        topic = Topic(stop_id, self.settings.tail_patches, self.settings.tail_bytes)
        self.topics[stop_id] = topic
        self.listener.follow(stop_id)
        return topic

    def _unfollow(self, topic: Topic) -> None:
        # Out of the map first: who comes from here on follows anew, behind the unsubscription.
        del self.topics[topic.stop_id]
        self.doubtful.discard(topic)
        self.listener.unfollow(topic.stop_id)

    # -- what the Listener tells -----------------------------------------------------------------

    def connected(self) -> None:
        """A new connection to a shard of Redis: nothing is subscribed yet."""
        self.counts.listener_connects += 1

    def interrupted(self, stop_ids: Iterable[str]) -> None:
        """Messages of these stops may be missed, until each is confirmed again."""
        topics = (self.topics.get(stop_id) for stop_id in stop_ids)
        self.doubtful.update(t for t in topics if t and t.state is not State.FETCHING)

    def confirmed(self, stop_id: str) -> None:
        """From here on every message of this stop arrives."""
        if topic := self.topics.get(stop_id):
            self.fetcher.want([topic])

    def receive(self, stop_id: str, data: bytes) -> None:
        """A message: on to the subscribers, or, where it does not fit, a fetch instead."""
        topic = self.topics.get(stop_id)
        if topic is None:
            return
        self.counts.messages += 1
        try:
            message = Message.decode(data)
        except ValueError:
            log.error("malformed_message", stop_id=stop_id, head=data[:80])  # noqa: TRY400  # no trace
            topic.behind = True
        else:
            if event := topic.apply(message):
                self.publish(topic, event)
        if topic.behind:
            self.counts.gaps += 1
            self.doubtful.add(topic)
        if topic.needs_board:
            self.fetcher.want([topic])

    def feed_restarted(self, feed_id: str, lineage: int) -> None:
        """Redis lost writes of this feed, which begins anew."""
        topics = [t for t in self.topics.values() if t.stop_id.startswith(f"{feed_id}:")]
        for topic in topics:
            topic.restart(lineage)
        self.doubtful.update(topic for topic in topics if topic.state is not State.FETCHING)
        self.fetcher.want(topics)

    # -- streams ---------------------------------------------------------------------------------

    def add(self, subscriber: Subscriber) -> None:
        self.counts.opened += 1
        self.subscribers.add(subscriber)
        self.wheel.add(subscriber)
        self.expiries.add(subscriber)
        for topic in subscriber.topics:
            topic.subscribers.add(subscriber)

    def remove(self, subscriber: Subscriber) -> None:
        self.subscribers.discard(subscriber)
        self.wheel.discard(subscriber)
        self.expiries.discard(subscriber)
        for topic in subscriber.topics:
            topic.subscribers.discard(subscriber)

    def publish(self, topic: Topic, *events: Event) -> None:
        """Hand events to all subscribers; what one turn of the loop brings is one write each.

        The Listener does not suspend while a complete message is left in its buffer, so the flush
        that is scheduled here runs when it has none.
        """
        if not events or not topic.subscribers:
            return
        self._count(events, len(topic.subscribers))
        batch = Batch(events, numbered=not self.doubtful)
        if not self._unflushed:
            asyncio.get_running_loop().call_soon(self._flush)
        for subscriber in topic.subscribers:
            try:
                if subscriber.offer(topic, batch[subscriber.coding]):
                    self._unflushed.append(subscriber)
            except Exception as error:  # noqa: BLE001  # logged there
                self.fail(subscriber, error)

    def _count(self, events: Sequence[Event], streams: int) -> None:
        self.counts.deliveries += len(events) * streams
        for event in events:
            self.counts.event_bytes[event.name] += len(event.frame) * streams
        if version := events[-1].version:
            self._unsent.append((version, streams))

    def _flush(self) -> None:
        unflushed, self._unflushed = self._unflushed, []
        unsent, self._unsent = self._unsent, []
        for subscriber in unflushed:
            try:
                subscriber.flush()
            except Exception as error:  # noqa: BLE001  # logged there
                self.fail(subscriber, error)
        now = time.time_ns() // 1000
        for version, streams in unsent:
            self.counts.publish_to_send.observe(now - version, streams)

    def feed_changed(self, feed_id: str) -> None:
        """A feed has another status: its followers are told."""
        for subscriber in self.subscribers:
            if feed_id in subscriber.feeds:
                try:
                    subscriber.tell_feeds()
                except Exception as error:  # noqa: BLE001  # logged there
                    self.fail(subscriber, error)

    def fail(self, subscriber: Subscriber, error: Exception) -> None:
        """One bad stream ends, the others never notice."""
        if not subscriber.transport.is_closing():  # else it just left in the middle
            log.error("stream_failed", stops=len(subscriber.topics), exc_info=error)
            self.counts.failed += 1
        subscriber.transport.abort()

    def close(self, subscriber: Subscriber, reason: GoodbyeReason) -> None:
        """Say goodbye to a stream, without waiting for it."""
        task = asyncio.create_task(subscriber.close(reason))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def closed(self) -> None:
        """Wait until every goodbye was taken, or its stream aborted."""
        while self._closing:
            await asyncio.wait(self._closing)

    def retry_ms(self, at_least: float = 0) -> int:
        """The reconnection delay for one client, in milliseconds: jittered against storms.

        `at_least`: seconds that its middle must have.
        """
        return round(jittered(max(self.settings.retry, at_least), 0.5) * 1000)
