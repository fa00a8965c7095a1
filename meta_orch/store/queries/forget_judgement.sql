DELETE FROM edge_judgement_record
WHERE upstream = $upstream::VARCHAR[] AND downstream = $downstream::VARCHAR[]
