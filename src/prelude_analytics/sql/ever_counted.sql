-- Whether there ever was an activity, as far as the rollups know: what they count outlives rows.
SELECT EXISTS (SELECT FROM public.activity_rollups) AS ever
