-- Whether there is an activity: the newest one is looked for, by index.
SELECT (SELECT true FROM public.user_activity_logs ORDER BY "timestamp" DESC LIMIT 1) IS NOT NULL AS ever
