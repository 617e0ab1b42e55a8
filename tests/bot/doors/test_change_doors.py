"""Deployments as scripts, GitHub, GitLab and Argo CD tell them."""

import hmac
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from bot.doors import argocd, changes, github, gitlab
from bot.doors.door import Caller
from bot.ingest.format import BadPayload
from storage.model.change import Change

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
CALLER = Caller(source="ci", now=NOON)
EARLIER = NOON - timedelta(minutes=3)

DEPLOYED: dict[str, Any] = {
    "action": "created",
    "deployment_status": {
        "state": "success",
        "created_at": "2026-03-02T11:57:00Z",
        "log_url": "https://github.com/acme/checkout/actions/runs/1",
    },
    "deployment": {
        "id": 145988746,
        "sha": "a10867b14bb761a232cd80139fbd4c0d33264240",
        "ref": "v4.2",
        "environment": "production",
        "description": "Release",
        "creator": {"login": "grace"},
    },
    "repository": {"name": "checkout", "full_name": "acme/checkout"},
}


def by_event(event: str) -> Caller:
    """Return a caller that sends this event of GitHub's."""
    return Caller(source="ci", now=NOON, headers={"x-github-event": event})


def test_a_script_needs_to_say_only_what_changed() -> None:
    (change,) = changes.read({"service": "checkout", "version": 4.2}, CALLER).changes
    assert change == Change(
        source="ci",
        key="checkout/4.2/2026-03-02T12:00:00+00:00",
        service="checkout",
        version="4.2",
        at=NOON,
    )


def test_one_bad_change_harms_no_other() -> None:
    arrived = changes.read([{"service": "a"}, {"version": "1"}, {"servce": "b"}], CALLER)
    assert [change.service for change in arrived.changes] == ["a"]
    assert [(it.index, it.error.partition(":")[0]) for it in arrived.refused] == [
        (1, "service"),
        (2, "unknown key 'servce'; known"),
    ]


def test_a_link_that_is_none_is_left_out() -> None:
    (change,) = changes.read({"service": "a", "link": "javascript:alert(1)"}, CALLER).changes
    assert change.link == ""


def test_github_deploys() -> None:
    (change,) = github.read(DEPLOYED, by_event("deployment_status")).changes
    assert change == Change(
        source="ci",
        key="deployment/145988746",
        service="checkout",
        version="v4.2",
        environment="production",
        outcome="succeeded",
        summary="Release",
        by="grace",
        link="https://github.com/acme/checkout/actions/runs/1",
        at=EARLIER,
    )


def test_github_deploys_a_bare_commit() -> None:
    commit = DEPLOYED["deployment"] | {"ref": DEPLOYED["deployment"]["sha"]}  # type: ignore[index,operator]
    (change,) = github.read(
        DEPLOYED | {"deployment": commit}, by_event("deployment_status")
    ).changes
    assert change.version == "a10867b14bb7"


def test_github_releases() -> None:
    body = {
        "action": "published",
        "release": {
            "id": 1,
            "tag_name": "v4.2",
            "name": "Faster",
            "author": {"login": "grace"},
            "html_url": "https://github.com/acme/checkout/releases/v4.2",
            "published_at": "2026-03-02T11:57:00Z",
        },
        "repository": {"name": "checkout"},
    }
    (change,) = github.read(body, by_event("release")).changes
    assert (change.service, change.version, change.at) == ("checkout", "v4.2", EARLIER)


@pytest.mark.parametrize(
    ("event", "body"),
    [
        ("ping", {"zen": "Keep it logically awesome."}),
        ("push", {"ref": "refs/heads/main"}),
        ("release", {"action": "created"}),
        ("deployment_status", DEPLOYED | {"deployment_status": {"state": "in_progress"}}),
    ],
)
def test_github_tells_more_than_matters(event: str, body: dict[str, Any]) -> None:
    arrived = github.read(body, by_event(event))
    assert (arrived.changes, bool(arrived.ignored)) == ((), True)


def test_github_signs_with_the_token() -> None:
    tokens, body = {"ci": "secret-of-the-source", "other": "x" * 20}, b'{"zen": "x"}'
    signature = hmac.new(b"secret-of-the-source", body, sha256).hexdigest()
    headers = {"x-hub-signature-256": f"sha256={signature}"}
    assert github.prove(headers, body, tokens) == "ci"
    assert github.prove(headers, body + b" ", tokens) == ""
    assert github.prove({"x-hub-signature-256": signature}, body, tokens) == ""
    assert github.prove({"x-hub-signature-256": "sha256=é"}, body, tokens) == ""


def test_gitlab_deploys() -> None:
    body = {
        "object_kind": "deployment",
        "status": "failed",
        "status_changed_at": "2026-03-02 12:57:00 +0100",
        "deployment_id": 15,
        "deployable_url": "https://gitlab.com/acme/checkout/-/jobs/796",
        "environment": "staging",
        "project": {"name": "Checkout Service", "path_with_namespace": "acme/checkout"},
        "short_sha": "279484c0",
        "user": {"username": "grace"},
        "commit_title": "Add new file",
        "ref": "main",
    }
    (change,) = gitlab.read(body, CALLER).changes
    assert change == Change(
        source="ci",
        key="deployment/15",
        service="checkout",
        version="main",
        environment="staging",
        outcome="failed",
        summary="Add new file",
        by="grace",
        link="https://gitlab.com/acme/checkout/-/jobs/796",
        at=EARLIER,
    )
    assert gitlab.read(body | {"status": "running"}, CALLER).ignored
    assert gitlab.prove({"x-gitlab-token": "t" * 20}, b"", {"ci": "t" * 20}) == "ci"


def test_argo_cd_syncs() -> None:
    body: dict[str, Any] = {
        "url": "https://argocd.example.com/applications/checkout",
        "app": {
            "metadata": {"name": "checkout"},
            "spec": {"destination": {"namespace": "shop"}},
            "status": {
                "sync": {"revision": "a10867b14bb761a232cd80139fbd4c0d33264240"},
                "operationState": {
                    "phase": "Succeeded",
                    "message": "successfully synced",
                    "finishedAt": "2026-03-02T11:57:00Z",
                },
                "summary": {"images": ["registry:5000/shop/checkout:4.2"]},
            },
        },
    }
    (change,) = argocd.read(body, CALLER).changes
    assert (change.service, change.version, change.outcome) == ("checkout", "4.2", "succeeded")
    assert (change.environment, change.at) == ("shop", EARLIER)
    two = {"images": ["a:1", "b:2"]}
    body["app"]["status"]["summary"] = two
    (change,) = argocd.read(body, CALLER).changes
    assert change.version == "a10867b14bb7"
    body["app"]["status"]["operationState"]["phase"] = "Running"
    assert argocd.read(body, CALLER).ignored


def test_what_is_not_from_there_is_refused() -> None:
    with pytest.raises(BadPayload, match="X-GitHub-Event is missing"):
        github.read({}, CALLER)
    with pytest.raises(BadPayload, match="object_kind is missing"):
        gitlab.read({}, CALLER)
    with pytest.raises(BadPayload, match=r"docs/doors\.md"):
        argocd.read({}, CALLER)
