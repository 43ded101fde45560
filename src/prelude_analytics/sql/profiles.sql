SELECT profile.email, profile.name, profile.role FROM public.user_profiles AS profile WHERE profile.email = ANY(%(emails)s::text[])
