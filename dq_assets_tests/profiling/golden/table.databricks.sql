-- duplicates by hash
SELECT count(*) - count(DISTINCT xxhash64(`the column`, `other`)) AS n FROM `main`.`t`;
-- duplicates
SELECT coalesce(sum(n - 1), 0) AS n FROM (SELECT count(*) AS n FROM `main`.`t` WHERE xxhash64(`the column`, `other`) IN (SELECT xxhash64(`the column`, `other`) AS h FROM `main`.`t` GROUP BY 1 HAVING count(*) > 1) GROUP BY `the column`, `other`) AS d;
-- key
SELECT count(*) AS n, count(DISTINCT xxhash64(`the column`, `other`)) AS d FROM (SELECT `the column`, `other` FROM `main`.`t`) AS k;
-- key of few rows
SELECT count(*) AS n, count(DISTINCT xxhash64(`the column`, `other`)) AS d FROM (SELECT `the column`, `other` FROM `main`.`t` WHERE xxhash64(`the column`) % 1 = 0) AS k;
