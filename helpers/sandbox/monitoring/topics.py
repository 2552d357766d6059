"""SNS topics and what was published to them. No mail is sent: :func:`messages_of` is where messages are read.

Source: the SNS API Reference; recorded sentences. An address stays PendingConfirmation, for nobody follows a link here.
"""

import re

from helpers.sandbox.calls import Account, Call, Params, ServiceError, asks, replaces
from helpers.sandbox.monitoring.metrics import merged_tags, state_of
from helpers.sandbox.monitoring.state import MonitoringState, Topic
from helpers.sandbox.monitoring.transitions import publish
from helpers.sandbox.protocol.paging import numbered_page

PROTOCOLS = ("http", "https", "email", "email-json", "sms", "sqs", "application", "lambda", "firehose")
PENDING = "PendingConfirmation"
MOST_BYTES = 262_144
_PAGE = 100
_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")


def refused(what: str) -> ServiceError:
    return ServiceError("InvalidParameter", f"Invalid parameter: {what}")


def _arn(call: Call) -> str:
    """The ARN of a topic of this Region, which need not exist. Raises InvalidParameter in the recorded words."""
    if "TopicArn" not in call.params:
        raise refused("TopicArn or TargetArn Reason: no value for required parameter")
    arn: str = call.params["TopicArn"]
    parts = arn.split(":")
    if len(parts) < 6:
        raise refused(f"TopicArn Reason: An ARN must have at least 6 elements, not {len(parts)}")
    if len(parts) > 6 or parts[:4] != ["arn", "aws", "sns", call.region]:
        raise refused("TopicArn")
    return arn


def _topic(call: Call, account: Account) -> Topic:
    topic = state_of(call, account).topics.get(_arn(call))
    if topic is None:
        raise ServiceError("NotFound", "Topic does not exist", 404)
    return topic


@replaces("sns", "CreateTopic")
def create_topic(call: Call, account: Account) -> Params:
    """Make a topic; the same name again is the same topic. Raises InvalidParameter, also for other tags."""
    name = call.params["Name"]
    if not _NAME.fullmatch(name):
        raise refused("Topic Name")
    arn = f"arn:aws:sns:{call.region}:{account.account_id}:{name}"
    topics = state_of(call, account).topics
    tags = merged_tags(call.params.get("Tags", []))
    if arn in topics and tags and tags != topics[arn].tags:
        raise refused("Tags Reason: Topic already exists with different tags")
    topics.setdefault(arn, Topic(arn, tags))
    return {"TopicArn": arn}


@replaces("sns", "DeleteTopic")
def delete_topic(call: Call, account: Account) -> Params:
    """Delete a topic, its subscriptions and messages; one that is not there is no error, one of another Region is."""
    state_of(call, account).topics.pop(_arn(call), None)
    return {}


@replaces("sns", "ListTopics")
def list_topics(call: Call, account: Account) -> Params:
    page, token = numbered_page(sorted(state_of(call, account).topics), call, _PAGE)
    return {"Topics": [{"TopicArn": arn} for arn in page], "NextToken": token}


@replaces("sns", "Subscribe")
def subscribe(call: Call, account: Account) -> Params:
    """Note an address. What has to be confirmed stays pending."""
    topic, protocol = _topic(call, account), call.params["Protocol"]
    if protocol not in PROTOCOLS:
        raise refused(f"Amazon SNS does not support this protocol string: {protocol}")
    endpoint = call.params.get("Endpoint", "")
    if protocol.startswith("email") and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", endpoint):
        raise refused("Email address")
    if protocol not in ("email", "email-json"):
        raise ServiceError("UnsupportedOperation", f"The sandbox does not simulate subscriptions by {protocol}.")
    if (protocol, endpoint, PENDING) not in topic.subscriptions:
        topic.subscriptions.append((protocol, endpoint, PENDING))
    return {"SubscriptionArn": "pending confirmation"}


@replaces("sns", "ListSubscriptionsByTopic")
def list_subscriptions_by_topic(call: Call, account: Account) -> Params:
    topic = _topic(call, account)
    page, token = numbered_page(topic.subscriptions, call, _PAGE)
    shown = [
        {
            "SubscriptionArn": arn,
            "Owner": account.account_id,
            "Protocol": protocol,
            "Endpoint": endpoint,
            "TopicArn": topic.arn,
        }
        for protocol, endpoint, arn in page
    ]
    return {"Subscriptions": shown, "NextToken": token}


@replaces("sns", "Publish")
def publish_message(call: Call, account: Account) -> Params:
    topic, text = _topic(call, account), call.params["Message"]
    if not text:
        raise refused("Empty message")
    if len(text.encode()) > MOST_BYTES:
        raise refused("Message too long")
    return {"MessageId": publish(account, topic.messages, call.params.get("Subject", ""), text)}


@asks("messages")
def messages_of(account: Account, region: str, params: Params) -> Params:
    """What was published to the topics of a Region, oldest first: topic, id, time (epoch seconds), subject, text."""
    topics = account.state(MonitoringState, region).topics.values()
    found = [(message.at, topic.arn, message) for topic in topics for message in topic.messages]
    listed = [
        {"topic": arn, "id": message.id, "at": at, "subject": message.subject, "message": message.text}
        for at, arn, message in sorted(found, key=lambda entry: (entry[0], entry[1], entry[2].id))
    ]
    return {"messages": listed}
