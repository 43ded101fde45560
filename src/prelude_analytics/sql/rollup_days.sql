-- What tells whether a day has changed.
SELECT day, version FROM public.rollup_days WHERE day >= %(first)s::date AND day <= %(last)s::date
