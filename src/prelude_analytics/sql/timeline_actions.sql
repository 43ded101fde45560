-- The activities that the timeline has a number for.
SELECT id, action_type, action_name FROM public.timeline_actions
