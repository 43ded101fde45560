-- Rollups by columns: an array for each column of a day.
SELECT day, {columns} FROM ({source}) AS source GROUP BY day
