"""Dashboards, topics and saved queries: what is put is what is read."""

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from helpers.sandbox.monitoring.topics import messages_of
from tests.support.served import Sandbox


def test_a_dashboard_belongs_to_the_account_and_is_replaced_and_deleted(sandbox: Sandbox, cloudwatch: Any) -> None:
    body = json.dumps({"widgets": [{"type": "text", "width": 6, "properties": {"markdown": "# Flow logs"}}]})
    put = cloudwatch.put_dashboard(DashboardName="flow-logs", DashboardBody=body)
    assert put["DashboardValidationMessages"] == []
    elsewhere = sandbox.client("cloudwatch", region="eu-west-1")
    found = elsewhere.get_dashboard(DashboardName="flow-logs")
    assert found["DashboardBody"] == body
    assert found["DashboardArn"] == "arn:aws:cloudwatch::123456789012:dashboard/flow-logs"
    odd = json.dumps({"widgets": [{"type": "text", "colour": "red", "properties": {"markdown": "a"}}]})
    told = cloudwatch.put_dashboard(DashboardName="flow-logs", DashboardBody=odd)["DashboardValidationMessages"]
    assert told[0]["DataPath"] == "/widgets/0"
    listed = cloudwatch.list_dashboards(DashboardNamePrefix="flow")["DashboardEntries"]
    assert [(entry["DashboardName"], entry["Size"]) for entry in listed] == [("flow-logs", len(odd))]
    cloudwatch.delete_dashboards(DashboardNames=["flow-logs"])
    assert cloudwatch.list_dashboards()["DashboardEntries"] == []


def test_a_topic_is_one_however_often_it_is_made_and_keeps_its_messages(sandbox: Sandbox, sns: Any) -> None:
    arn = sns.create_topic(Name="told", Tags=[{"Key": "Lab", "Value": "demo"}])["TopicArn"]
    assert sns.create_topic(Name="told")["TopicArn"] == arn
    reply = sns.subscribe(TopicArn=arn, Protocol="email", Endpoint="ann@example.com")
    assert reply["SubscriptionArn"] == "pending confirmation"
    subscriptions = sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
    assert [(each["Endpoint"], each["SubscriptionArn"]) for each in subscriptions] == [
        ("ann@example.com", "PendingConfirmation")
    ]
    message_id = sns.publish(TopicArn=arn, Subject="Hello", Message="text")["MessageId"]
    (message,) = messages_of(sandbox.account, "us-east-1", {})["messages"]
    assert (message["id"], message["subject"], message["message"]) == (message_id, "Hello", "text")
    assert str(uuid.UUID(message_id)) == message_id and uuid.UUID(message_id).version == 4
    sns.delete_topic(TopicArn=arn)
    assert (sns.list_topics()["Topics"], messages_of(sandbox.account, "us-east-1", {})["messages"]) == ([], [])


TOO_SHORT = "TopicArn Reason: An ARN must have at least 6 elements, not {}"


@pytest.mark.parametrize(
    ("action", "asked", "says"),
    [
        ("Publish", {"TopicArn": "randomstring", "Message": "x"}, TOO_SHORT.format(1)),
        ("Publish", {"TopicArn": "randomstring:1", "Message": "x"}, TOO_SHORT.format(2)),
        ("Publish", {"TopicArn": "", "Message": "x"}, TOO_SHORT.format(1)),
        ("Publish", {"Message": "x"}, "TopicArn or TargetArn Reason: no value for required parameter"),
        ("Subscribe", {"TopicArn": "arn:aws:sns:us-east-1:random", "Protocol": "email"}, TOO_SHORT.format(5)),
        ("Publish", {"TopicArn": "arn:aws:sns:eu-west-1:123456789012:told", "Message": "x"}, "TopicArn"),
        ("ListSubscriptionsByTopic", {"TopicArn": "arn:aws:sns:eu-west-1:123456789012:told"}, "TopicArn"),
        ("DeleteTopic", {"TopicArn": "arn:aws:sns:eu-west-1:123456789012:told"}, "TopicArn"),
        ("DeleteTopic", {"TopicArn": "arn:aws:sns:us-east-1:123456789012:told:1"}, "TopicArn"),
    ],
)
def test_a_wrong_arn_of_a_topic_is_refused_in_the_recorded_words(
    sandbox: Sandbox, action: str, asked: dict[str, Any], says: str
) -> None:
    with pytest.raises(ClientError) as caught:
        sandbox.client("sns", checks=False)._make_api_call(action, asked)
    error = caught.value.response["Error"]
    assert (error["Code"], error["Message"]) == ("InvalidParameter", f"Invalid parameter: {says}")


def test_a_saved_query_is_replaced_as_a_whole_found_by_its_folder_and_deleted(logs: Any) -> None:
    saved = logs.put_query_definition(name="flow-logs/top", queryString="fields @message", logGroupNames=["/not/there"])
    logs.put_query_definition(name="other", queryString="not even a query")
    logs.put_query_definition(
        name="flow-logs/top talkers", queryString="stats count()", queryDefinitionId=saved["queryDefinitionId"]
    )
    (found,) = logs.describe_query_definitions(queryDefinitionNamePrefix="flow-logs/")["queryDefinitions"]
    assert (found["name"], found["logGroupNames"]) == ("flow-logs/top talkers", [])
    assert logs.delete_query_definition(queryDefinitionId=saved["queryDefinitionId"])["success"] is True
    page = logs.describe_query_definitions(maxResults=1)
    assert [each["name"] for each in page["queryDefinitions"]] == ["other"]
    assert "nextToken" not in page
