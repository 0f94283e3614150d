"""One stack: change sets, their refusals, and what a failure says."""

from __future__ import annotations

import pytest

from opsctl.aws.cloudformation import Change, ChangeSet, Stack
from opsctl.aws.errors import AwsError
from opsctl.deploy.events import Note, ResourceChanged
from opsctl.deploy.failures import RefusedChangeError, StackFailedError
from opsctl.deploy.left_running import DeadlineError, DetachedError
from opsctl.deploy.planning.plan import Consent
from opsctl.deploy.stackrun.runner import INLINE_LIMIT, Deployed
from opsctl.stacks.model import FromContext, FromOutput

from .bench import Bench
from .fakes import BODY, Operation, change, resource, template
from .services import FakeDatabase

NEWER = BODY + "  Queue:\n    Type: AWS::SQS::Queue\n"


def test_a_stack_that_is_up_to_date_costs_no_write() -> None:
    bench = Bench()
    bench.api.put(template(), "CREATE_COMPLETE")
    assert bench.run(template()) == Deployed(bench.api.stacks_by_name["dev-platform"], changed=False)
    assert bench.api.writes == []


def test_a_new_stack_is_made_by_a_change_set_with_client_tokens() -> None:
    bench = Bench()
    stack = template(tags={"team": "x"}, parameters={"ImageUri": FromContext("image_uri")})
    bench.run(stack, context={"image_uri": "repo@sha256:1"})
    (request,) = bench.api.requests.values()
    assert request["kind"] == "CREATE"
    assert request["parameters"] == {"ImageUri": "repo@sha256:1"}
    assert request["tags"] == {"team": "x"}
    assert str(request["token"]).startswith("opsctl-run-platform-")


@pytest.mark.parametrize("text", ["The submitted information didn't contain changes. Submit different information.",
                                  "No updates are to be performed."])  # fmt: skip
def test_both_texts_of_an_empty_change_set_mean_unchanged(text: str) -> None:
    bench = Bench()
    bench.api.put(template(), "UPDATE_COMPLETE")
    bench.api.next_change_set = ChangeSet("", "FAILED", text, "UNAVAILABLE")
    deployed = bench.run(template(body=NEWER))
    assert deployed.changed is False
    assert bench.api.writes == ["create_change_set", "delete_change_set"]


def test_a_change_set_that_fails_validation_tells_what_validation_found() -> None:
    bench = Bench()
    bench.api.put(template(), "UPDATE_COMPLETE")
    bench.api.next_change_set = ChangeSet("", "FAILED", "Validation failed", "UNAVAILABLE")
    bench.api.next_failures = ["/Resources/Queue: Unsupported property"]
    with pytest.raises(StackFailedError, match="Validation failed") as caught:
        bench.run(template(body=NEWER))
    assert caught.value.detail == ("/Resources/Queue: Unsupported property",)
    assert "execute_change_set" not in bench.api.writes


def test_a_change_set_that_may_not_take_over_what_exists_names_it_and_what_to_do() -> None:
    bench = Bench()
    bench.api.put(template(), "UPDATE_COMPLETE")
    reason = (
        "CloudFormation is attempting to import some resources because they already exist in your account. The "
        "resources must have the DeletionPolicy attribute set to 'Retain' or 'RetainExceptOnCreate' in the template "
        "for successful import. The affected resources are Logs ({LogGroupName=/shop/web})"
    )
    bench.api.next_change_set = ChangeSet("", "FAILED", reason, "UNAVAILABLE")
    with pytest.raises(StackFailedError) as caught:
        bench.run(template(body=NEWER))
    assert caught.value.message.endswith("exists already under that name, in no stack: Logs ({LogGroupName=/shop/web})")
    assert caught.value.hint.startswith("Delete or rename what is there")
    assert caught.value.hint.endswith("Nothing of this stack was changed.")
    assert "execute_change_set" not in bench.api.writes


@pytest.mark.parametrize(("action", "replacement"), [("Modify", "True"), ("Modify", "Conditional"), ("Remove", "")])
def test_losing_data_is_refused_before_it_starts(action: str, replacement: str) -> None:
    bench = Bench()
    stack = template("data", NEWER, stateful=("Database",))
    bench.api.put(template("data"), "UPDATE_COMPLETE")
    lossy = change("Database", "AWS::RDS::DBInstance", action, replacement)
    bench.api.next_change_set = ChangeSet("", "CREATE_COMPLETE", "", "AVAILABLE", (lossy,))
    with pytest.raises(RefusedChangeError, match="nothing of this stack was changed") as caught:
        bench.run(stack)
    assert caught.value.hint.endswith("--allow-replace Database")
    assert bench.api.writes == ["create_change_set", "delete_change_set"]
    bench.run(stack, Consent(frozenset({"Database"})))
    assert bench.api.writes[-1] == "execute_change_set"


def test_a_conditional_replacement_that_never_comes_about_is_allowed() -> None:
    bench = Bench()
    multi_az = Change("Database", "AWS::RDS::DBInstance", "Modify", "Conditional", ("MultiAZ", "BackupRetentionPeriod"))
    bench.api.put(template("data"), "UPDATE_COMPLETE")
    bench.api.next_change_set = ChangeSet("", "CREATE_COMPLETE", "", "AVAILABLE", (multi_az,))
    bench.run(template("data", NEWER, stateful=("Database",)))
    assert bench.api.writes == ["create_change_set", "execute_change_set"]


def test_the_first_real_cause_is_told_not_what_followed_from_it() -> None:
    bench = Bench()
    bench.api.script["execute:CREATE"] = [
        Operation(
            ["CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "ROLLBACK_COMPLETE"],
            [
                ("Other", "CREATE_FAILED", "Resource creation cancelled"),
                ("Topic", "CREATE_FAILED", "Topic name is taken"),
                ("dev-platform", "ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [Topic]."),
            ],
        )
    ]
    with pytest.raises(StackFailedError, match=r"Topic \(AWS::SNS::Topic\) failed: Topic name is taken") as caught:
        bench.run(template())
    assert "run `opsctl deploy` again" in caught.value.hint


def test_a_template_over_the_inline_limit_goes_through_the_bucket() -> None:
    large = BODY + "Description: " + "é" * INLINE_LIMIT + "\n"
    bench = Bench()
    bench.run(template(body=large))
    (request,) = bench.api.requests.values()
    assert request["body"] is None
    assert str(request["url"]).startswith("https://")
    assert bench.uploaded == ["platform"]


def test_a_template_at_the_inline_limit_goes_with_the_request() -> None:
    body = BODY + "#" * (INLINE_LIMIT - len(BODY))
    bench = Bench()
    bench.run(template(body=body))
    assert bench.uploaded == []


def test_parameters_that_are_not_there_name_the_stack_to_deploy_first() -> None:
    bench = Bench()
    stack = template("network", parameters={"TopicArn": FromOutput("platform", "TopicArn")})
    with pytest.raises(StackFailedError, match="outputs that are not there: platform"):
        bench.run(stack)
    assert bench.api.writes == []


def test_termination_protection_is_switched_on_once() -> None:
    bench = Bench()
    bench.run(template(termination_protection=True))
    bench.run(template(termination_protection=True))
    assert bench.api.writes == ["create_change_set", "execute_change_set", "protect"]


def test_detaching_leaves_the_stack_to_cloudformation() -> None:
    bench = Bench()
    bench.api.script["execute:CREATE"] = [Operation(["CREATE_IN_PROGRESS"] + ["CREATE_IN_PROGRESS"] * 50)]
    bench.detach.set()
    with pytest.raises(DetachedError, match="CloudFormation goes on") as caught:
        bench.run(template())
    assert caught.value.exit_code == 130
    assert "delete_stack" not in bench.api.writes


def test_an_operation_over_the_deadline_is_left_and_said() -> None:
    bench = Bench()
    bench.api.script["execute:CREATE"] = [Operation(["CREATE_IN_PROGRESS"] * 2000)]
    with pytest.raises(DeadlineError, match="after 2 minutes"):
        bench.run(template(), deadline=120.0)


def test_a_stacks_past_is_not_read_again_with_every_question() -> None:
    """DescribeStackEvents comes in pages, and its calls are limited per account."""
    bench = Bench()
    bench.api.put(template(), "UPDATE_COMPLETE")
    bench.api.record(template(), *[("Topic", "UPDATE_COMPLETE", "")] * 500)
    bench.api.script["execute:UPDATE"] = [Operation(["UPDATE_IN_PROGRESS"] * 9 + ["UPDATE_COMPLETE"])]
    bench.run(template(body=NEWER))
    assert bench.api.events_read < 50


def test_the_past_of_an_operation_that_runs_already_is_not_told_again() -> None:
    bench = Bench()
    bench.api.put(template(), "UPDATE_IN_PROGRESS")
    bench.api.record(
        template(), ("dev-platform", "UPDATE_IN_PROGRESS", ""), ("Topic", "UPDATE_FAILED", "long ago"),
        ("dev-platform", "UPDATE_ROLLBACK_COMPLETE", ""),
    )  # fmt: skip
    bench.api.run_on(template(), ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"])
    bench.run(template())
    seen = [event.status for event in bench.events if isinstance(event, ResourceChanged)]
    assert seen == ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"]


def test_a_change_set_that_is_not_known_yet_is_asked_for_again() -> None:
    bench = Bench()
    honest, unknown = bench.api.change_set, iter([AwsError("not there", aws_code="ChangeSetNotFound")] * 3)

    def change_set(arn: str) -> ChangeSet:
        for failure in unknown:
            raise failure
        return honest(arn)

    bench.api.change_set = change_set  # type: ignore[method-assign]
    bench.run(template())
    assert bench.api.writes == ["create_change_set", "execute_change_set"]


def test_a_change_set_that_never_becomes_known_ends_the_deploy() -> None:
    bench = Bench()

    def change_set(arn: str) -> ChangeSet:
        raise AwsError("not there", aws_code="ChangeSetNotFound")

    bench.api.change_set = change_set  # type: ignore[method-assign]
    with pytest.raises(StackFailedError, match="does not come to rest"):
        bench.run(template())
    assert "execute_change_set" not in bench.api.writes


def test_of_two_first_deploys_the_slower_one_follows_the_other() -> None:
    bench = Bench()
    planned = bench.state(template())
    bench.api.put(template(), "CREATE_IN_PROGRESS")
    bench.api.run_on(template(), ["CREATE_COMPLETE"])
    deployed = bench.runner().run(template(), planned, {})
    assert (deployed.stack.status, bench.api.writes) == ("CREATE_COMPLETE", ["create_change_set"])


def test_what_was_there_before_and_is_taken_over_is_told() -> None:
    bench = Bench()
    bench.api.put(template(), "UPDATE_COMPLETE")
    taken = Change("Repository", "AWS::ECR::Repository", "Import")
    bench.api.next_change_set = ChangeSet("", "CREATE_COMPLETE", "", "AVAILABLE", (taken,))
    bench.run(template(body=NEWER))
    assert Note("platform: AWS::ECR::Repository Repository was there; it is taken over.") in bench.events


def test_every_resource_event_is_emitted_in_order() -> None:
    bench = Bench()
    bench.api.script["execute:CREATE"] = [
        Operation(
            ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"],
            [("Topic", "CREATE_IN_PROGRESS", ""), ("Topic", "CREATE_COMPLETE", "")],
        )
    ]
    bench.run(template())
    seen = [(event.logical_id, event.status) for event in bench.events if isinstance(event, ResourceChanged)]
    assert seen == [
        ("platform", "CREATE_IN_PROGRESS"), ("Topic", "CREATE_IN_PROGRESS"), ("Topic", "CREATE_COMPLETE"),
        ("platform", "CREATE_COMPLETE"),
    ]  # fmt: skip


def test_a_replaced_resource_that_could_not_be_deleted_is_told_although_the_update_succeeded() -> None:
    """CloudFormation gives up after three tries and reports success; what is left costs money."""
    bench = Bench()
    bench.api.put(template(), "UPDATE_COMPLETE")
    bench.api.script["execute:UPDATE"] = [
        Operation(["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"], [("Topic", "DELETE_FAILED", "it is in use")])
    ]
    bench.run(template(body=NEWER))
    (note,) = [event.text for event in bench.events if isinstance(event, Note)]
    assert note == (
        "platform: the old Topic (physical-Topic) could not be deleted and may cost money; "
        "remove it by hand: it is in use"
    )


def test_half_made_databases_go_before_their_stack_and_the_replica_first() -> None:
    """Their subnet and parameter groups can't be deleted under them."""
    bench = Bench()
    data = template("data", stateful=("Database",))
    bench.api.put(data, "ROLLBACK_FAILED")
    bench.api.record(data, ("dev-data", "CREATE_IN_PROGRESS", ""), ("dev-data", "ROLLBACK_FAILED", ""))
    kind = "AWS::RDS::DBInstance"
    bench.api.stack_resources = [resource("Database", kind, "db-1"), resource("DatabaseReplica", kind, "db-2")]
    bench.databases.instances = {"db-1": FakeDatabase(), "db-2": FakeDatabase()}
    bench.run(data, Consent(recreate_data=True))
    assert [call for call in bench.api.calls if call[0].startswith("delete")] == [
        ("delete_database", "db-2 without"), ("delete_database", "db-1 without"), ("delete_stack", "dev-data")
    ]  # fmt: skip


def test_a_stack_that_can_not_be_deleted_names_what_holds_it() -> None:
    bench = Bench()
    bench.api.put(template(), "ROLLBACK_COMPLETE")
    bench.api.script["delete"] = [
        Operation(["DELETE_IN_PROGRESS", "DELETE_FAILED"], [("Topic", "DELETE_FAILED", "it is in use")])
    ]
    with pytest.raises(StackFailedError, match=r"Topic .* failed: it is in use"):
        bench.run(template())
    assert "create_change_set" not in bench.api.writes


def test_a_rollback_that_can_not_be_continued_names_what_holds_it() -> None:
    bench = Bench()
    bench.api.put(template(), "UPDATE_ROLLBACK_FAILED")
    bench.api.script["continue"] = [
        Operation(
            ["UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED"], [("Topic", "UPDATE_FAILED", "policy is wrong")]
        )
    ]
    with pytest.raises(StackFailedError, match="policy is wrong"):
        bench.run(template())


def test_a_failure_without_a_resource_to_blame_still_says_where_to_look() -> None:
    bench = Bench()
    bench.api.script["execute:CREATE"] = [Operation(["CREATE_IN_PROGRESS", "ROLLBACK_COMPLETE"])]
    with pytest.raises(StackFailedError, match="it is ROLLBACK_COMPLETE") as caught:
        bench.run(template())
    assert "describe-stack-events" in caught.value.hint


def test_a_question_that_is_throttled_right_after_the_start_does_not_end_the_watch() -> None:
    bench, item = Bench(), template()
    bench.api.put(template(body="Resources: {}\n"), "UPDATE_COMPLETE")
    execute, read = bench.api.execute_change_set, bench.api.stack
    throttled = iter([False])

    def executed(arn: str, *, token: str) -> None:
        nonlocal throttled
        execute(arn, token=token)
        throttled = iter([True, True])

    def stack(name: str) -> Stack | None:
        if next(throttled, False):
            raise AwsError("AWS throttled DescribeStacks again and again.", aws_code="Throttling")
        return read(name)

    bench.api.execute_change_set = executed  # type: ignore[method-assign]
    bench.api.stack = stack  # type: ignore[method-assign]
    assert bench.run(item).stack.status == "UPDATE_COMPLETE"
