-- The roles of some users, as their profiles have them.
SELECT email, role FROM public.user_profiles WHERE email = ANY (%(emails)s) AND role IS NOT NULL
