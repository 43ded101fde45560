-- Which of these users have a row from before the range; asked of the log, user by user, by its index.
SELECT known.id FROM unnest(%(ids)s::int[], %(emails)s::text[]) AS known (id, user_email)
WHERE EXISTS (
    SELECT FROM public.user_activity_logs AS log
    WHERE log.user_email = known.user_email AND log."timestamp" >= %(since)s AND log."timestamp" < %(until)s
        AND {filters} AND {counted}
)
