-- Some actions of some days, by columns.
SELECT day, action_id, row_count, users, ordinals, times{more} FROM public.activity_days
WHERE day = ANY (%(days)s) AND action_id = ANY (%(actions)s) ORDER BY day, action_id
