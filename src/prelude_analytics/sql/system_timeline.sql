-- How fresh the timeline is: its days, and those to which rows came since they were built.
SELECT (SELECT followed_at FROM public.timeline_state) AS followed_at, count(*) AS days, count(*) FILTER (WHERE dirty) AS dirty,
    max(built_at) AS built_at FROM public.timeline_days
