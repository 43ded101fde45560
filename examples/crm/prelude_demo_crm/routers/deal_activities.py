"""What happens around a deal: notes, calls, meetings."""

from __future__ import annotations

from fastapi import APIRouter, status

from prelude_demo_crm.activities import DELETE_DEAL_MEETING
from prelude_demo_crm.dependencies import TheStore
from prelude_demo_crm.schemas import CallIn, DealActivities, Interaction, MeetingIn, Note, NoteIn
from prelude_demo_crm.users import CurrentUser
from prelude_otel import activity

router = APIRouter(prefix="/deals/{deal_id}/activities", tags=["deal activities"])


@router.get("")
@activity("crm.view_deal_activities")
def view_activities(deal_id: int, store: TheStore) -> DealActivities:
    """All that happened around a deal, newest first."""
    store.deal(deal_id)
    notes, interactions = store.notes(deal_id), store.interactions(deal_id)
    count = len(notes) + len(interactions)
    return DealActivities(deal_id=deal_id, activities_count=count, notes=notes, interactions=interactions)


@router.post("/notes", status_code=status.HTTP_201_CREATED)
@activity("crm.create_deal_note")
def create_note(deal_id: int, note: NoteIn, user: CurrentUser, store: TheStore) -> Note:
    """Add a note to a deal."""
    return store.add_note(deal_id, note, author=user)


@router.delete("/notes/{note_id}", status_code=status.HTTP_204_NO_CONTENT)
@activity("crm.delete_deal_note")
def delete_note(deal_id: int, note_id: int, store: TheStore) -> None:
    """Remove a note from a deal."""
    store.delete_note(deal_id, note_id)


@router.post("/calls", status_code=status.HTTP_201_CREATED)
@activity("crm.create_deal_call_summary")
def create_call_summary(deal_id: int, call: CallIn, user: CurrentUser, store: TheStore) -> Interaction:
    """Log the summary of a call."""
    return store.add_call(deal_id, call, author=user)


@router.delete("/calls/{interaction_id}", status_code=status.HTTP_204_NO_CONTENT)
@activity("crm.delete_deal_call_summary")
def delete_call_summary(deal_id: int, interaction_id: int, store: TheStore) -> None:
    """Remove the summary of a call."""
    store.delete_interaction(deal_id, "call", interaction_id)


@router.post("/meetings", status_code=status.HTTP_201_CREATED)
@activity("crm.create_deal_meeting")
def create_meeting(deal_id: int, meeting: MeetingIn, user: CurrentUser, store: TheStore) -> Interaction:
    """Schedule a meeting."""
    return store.add_meeting(deal_id, meeting, author=user)


@router.delete("/meetings/{interaction_id}", status_code=status.HTTP_204_NO_CONTENT)
@activity(DELETE_DEAL_MEETING)
def delete_meeting(deal_id: int, interaction_id: int, store: TheStore) -> None:
    """Call a meeting off."""
    store.delete_interaction(deal_id, "meeting", interaction_id)
