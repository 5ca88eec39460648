{{/* The pod of the migration. */}}

{{- define "scimgate.migration" -}}
metadata:
  labels:
    {{- include "scimgate.labels" . | nindent 4 }}
    app.kubernetes.io/component: migration
spec:
  {{- include "scimgate.pod" . | nindent 2 }}
  {{- with .Values.migration.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if not (and .Values.serviceAccount.create .Values.migration.hook) }}
  serviceAccountName: {{ include "scimgate.serviceAccount" . }}
  {{- end }}
  restartPolicy: Never
  containers:
    - name: migrate
      {{- include "scimgate.container" . | nindent 6 }}
      args: [migrate]
      env:
        - name: DATABASE_URL
          valueFrom:
            secretKeyRef:
              {{- if .Values.migration.existingSecret }}
              name: {{ .Values.migration.existingSecret }}
              key: {{ .Values.migration.key }}
              {{- else }}
              name: {{ .Values.database.existingSecret }}
              key: {{ .Values.database.key }}
              {{- end }}
        {{- include "scimgate.environment" . | nindent 8 }}
      {{- with .Values.migration.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
{{- end }}
