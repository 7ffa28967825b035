"""A schedule as small as one can be: one trip, three stops, every day of 2024."""

SMALL_CITY = {
    "agency.txt": "agency_name,agency_url,agency_timezone\nMetro,https://example.org,Europe/Paris\n",
    "stops.txt": "stop_id,stop_name,stop_lat,stop_lon\na,Alpha,48.1,2.1\nb,Beta,48.2,2.2\n"
    "c,Gamma,48.3,2.3\n",
    "routes.txt": "route_id,route_short_name,route_type\nr,7,3\n",
    "trips.txt": "route_id,service_id,trip_id\nr,daily,t\n",
    "stop_times.txt": "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
    "t,08:00:00,08:00:00,a,1\nt,08:10:00,08:11:00,b,2\nt,08:20:00,08:20:00,c,3\n",
    "calendar.txt": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,"
    "start_date,end_date\ndaily,1,1,1,1,1,1,1,20240101,20241231\n",
}
