-- Whether the timeline holds all days before the range.
SELECT followed_at IS NOT NULL AND NOT EXISTS (
    SELECT FROM public.timeline_days WHERE day <= (%(first)s AT TIME ZONE 'UTC')::date AND built_at IS NULL
) AS complete FROM public.timeline_state
