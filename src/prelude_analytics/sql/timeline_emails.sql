-- The addresses of some users.
SELECT id, user_email FROM public.timeline_users WHERE id = ANY (%(users)s)
