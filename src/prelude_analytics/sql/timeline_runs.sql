-- Who was active on some days, how often, and from when to when.
SELECT day, user_count, users, counts, first_times, last_times FROM public.timeline_days WHERE day = ANY (%(days)s) ORDER BY day
