-- The first moment from which on no row that is asked for went by retention; NULL where none of the range did.
SELECT (max(day) + 1)::timestamp AT TIME ZONE 'UTC' AS kept_from FROM public.retention_days
WHERE day >= (%(since)s::timestamptz AT TIME ZONE 'UTC')::date AND day < (%(until)s::timestamptz AT TIME ZONE 'UTC')
    AND (rows > 0 OR persons > 0 AND %(people)s)
    AND (%(action_type)s::text IS NULL OR action_type = %(action_type)s::text)
    AND (%(action_name)s::text IS NULL OR action_name = public.prelude_key(%(action_name)s::text))
