-- Whether there is an activity.
SELECT EXISTS (SELECT FROM public.user_activity_logs) AS ever
