-- Who was active on days before the range.
SELECT user_count, users FROM public.timeline_days WHERE day < %(first)s AND row_count > 0
