-- What was done on some days, one after the other, and how long after.
SELECT day, user_count, row_count, users, counts, first_times, last_times, actions, gaps
FROM public.timeline_days WHERE day = ANY (%(days)s) ORDER BY day
