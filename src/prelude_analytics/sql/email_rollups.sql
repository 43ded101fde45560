SELECT wanted.day, date_part('epoch', rollup.bucket)::bigint AS bucket,
    rollup.action_name, rollup.method, rollup.result_status, rollup.user_email, rollup.count
FROM unnest(%(days)s::date[]) AS wanted (day)
JOIN public.email_rollups AS rollup ON rollup.grain = %(grain)s::smallint
    AND rollup.bucket >= wanted.day::timestamptz AND rollup.bucket < (wanted.day + 1)::timestamptz
