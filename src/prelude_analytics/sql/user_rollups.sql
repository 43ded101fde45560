SELECT wanted.day, date_part('epoch', rollup.bucket)::bigint AS bucket,
    rollup.action_type, rollup.user_email, rollup.success, rollup.error, rollup.pending, rollup.timeout,
    date_part('epoch', rollup.first_at) AS first_at, date_part('epoch', rollup.last_at) AS last_at
FROM unnest(%(days)s::date[]) AS wanted (day)
JOIN public.user_rollups AS rollup ON rollup.grain = %(grain)s::smallint
    AND rollup.bucket >= wanted.day::timestamptz AND rollup.bucket < (wanted.day + 1)::timestamptz
WHERE rollup.user_email <> ''
